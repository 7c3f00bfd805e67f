import com.learnwire.models.digits.v1.DigitsServiceGrpc;
import com.learnwire.models.penguins.v1.PenguinsServiceGrpc;
import com.learnwire.models.penguins.v1.PenguinsServiceGrpc.PenguinsServiceBlockingStub;
import com.learnwire.models.penguins.v1.PredictManyRequest;
import com.learnwire.models.penguins.v1.PredictRequest;
import com.learnwire.models.penguins.v1.PredictResponse;
import com.learnwire.models.sentiment.v1.SentimentServiceGrpc;
import com.learnwire.models.sentiment.v1.SentimentServiceGrpc.SentimentServiceBlockingStub;
import com.learnwire.v1.ByteArray;
import io.grpc.Channel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import java.util.concurrent.TimeUnit;

/** Asks models by their own contracts, whose columns are fields: java Typed HOST:PORT. */
public class Typed {
    public static void main(String[] arguments) throws Exception {
        var channel = ManagedChannelBuilder.forTarget(arguments[0]).usePlaintext().build();
        predictText(SentimentServiceGrpc.newBlockingStub(channel));
        predictImage(channel);
        runOutOfTime(SentimentServiceGrpc.newBlockingStub(channel));
        // All these calls have 30 seconds together.
        var penguins = PenguinsServiceGrpc.newBlockingStub(channel).withDeadlineAfter(30, TimeUnit.SECONDS);
        say("row", penguins.predict(row().build()));
        breakAField(penguins);
        predictMany(penguins);
        channel.shutdown();
    }

    static void predictText(SentimentServiceBlockingStub stub) {
        var request = com.learnwire.models.sentiment.v1.PredictRequest.newBuilder().setText(Show.TEXT);
        var answer = stub.withDeadlineAfter(30, TimeUnit.SECONDS).predict(request.build());
        Show.say("text", answer.getCategory(), answer.getLabel(), answer.getIndex(),
            answer.getProbabilitiesList());
    }

    static void predictImage(Channel channel) {
        var image = ByteArray.newBuilder().addShape(8).addShape(8).setValues(Show.IMAGE);
        var request = com.learnwire.models.digits.v1.PredictRequest.newBuilder().setArray(image);
        var answer = DigitsServiceGrpc.newBlockingStub(channel)
            .withDeadlineAfter(30, TimeUnit.SECONDS).predict(request.build());
        Show.say("array", answer.getCategory(), answer.getLabel(), answer.getIndex(),
            answer.getProbabilitiesList());
    }

    /** Gives a long text a millisecond. */
    static void runOutOfTime(SentimentServiceBlockingStub stub) {
        var request = com.learnwire.models.sentiment.v1.PredictRequest.newBuilder()
            .setText(Show.TEXT.repeat(3000));
        try {
            stub.withDeadlineAfter(1, TimeUnit.MILLISECONDS).predict(request.build());
        } catch (StatusRuntimeException error) {
            var code = error.getStatus().getCode();
            if (code == Code.DEADLINE_EXCEEDED) Show.sayCode("deadline", code.value());
        }
    }

    /** Sends NaN, and reads which field was wrong. */
    static void breakAField(PenguinsServiceBlockingStub stub) throws Exception {
        try {
            stub.predict(row().setBillLengthMm(Double.NaN).build());
        } catch (StatusRuntimeException error) {
            Show.sayViolations(error);
        }
    }

    /** Sends many rows at once; answers come in order, and a bad one fails alone. */
    static void predictMany(PenguinsServiceBlockingStub stub) {
        var names = new String[] {"a row", "a bad row"};
        var rows = PredictManyRequest.newBuilder()
            .addRequests(row()).addRequests(row().setBillLengthMm(Double.NaN)).build();
        stub.predictMany(rows).forEachRemaining(chunk -> {
            for (int i = 0; i < chunk.getResultsCount(); i++) {
                var result = chunk.getResults(i);
                var step = "stream: " + names[(int) chunk.getFirstIndex() + i];
                if (result.hasResponse()) {
                    say(step, result.getResponse());
                } else {
                    Show.sayCode(step, result.getStatus().getCode());
                }
            }
        });
    }

    /** Makes a row. A field that is not set, here `sex`, is null. */
    static PredictRequest.Builder row() {
        return PredictRequest.newBuilder()
            .setIsland("Torgersen")
            .setYear(2008)
            .setBillLengthMm(39.1)
            .setBillDepthMm(18.7)
            .setFlipperLengthMm(181)
            .setBodyMassG(3750);
    }

    static void say(String step, PredictResponse answer) {
        Show.say(step, answer.getCategory(), answer.getLabel(), answer.getIndex(),
            answer.getProbabilitiesList());
    }
}
