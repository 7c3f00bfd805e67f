import com.google.protobuf.NullValue;
import com.google.protobuf.Value;
import com.learnwire.v1.DataType;
import com.learnwire.v1.NdArray;
import com.learnwire.v1.PredictRequest;
import com.learnwire.v1.PredictStreamRequest;
import com.learnwire.v1.PredictStreamResponse;
import com.learnwire.v1.PredictionServiceGrpc;
import com.learnwire.v1.PredictionServiceGrpc.PredictionServiceBlockingStub;
import com.learnwire.v1.TabularRow;
import com.learnwire.v1.Text;
import io.grpc.Channel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Asks Learnwire with generated Java stubs: java Client HOST:PORT. */
public class Client {
    public static void main(String[] arguments) throws Exception {
        // One channel serves the whole process; it is safe to share among threads.
        var channel = ManagedChannelBuilder.forTarget(arguments[0]).usePlaintext().build();
        var stub = PredictionServiceGrpc.newBlockingStub(channel);
        predictEach(stub);
        breakACell(stub);
        runOutOfTime(stub);
        stream(channel);
        channel.shutdown();
    }

    /** Asks each model for one prediction. A deadline begins when it is set: set it for each call. */
    static void predictEach(PredictionServiceBlockingStub stub) {
        var steps = Map.of("text", text(Show.TEXT), "row", row(), "array", array());
        steps.forEach((step, request) -> {
            var response = stub.withDeadlineAfter(30, TimeUnit.SECONDS).predict(request);
            var answer = response.getPrediction().getSingleLabel();
            Show.say(step, answer.getLabel(), answer.getIndex(), answer.getProbabilitiesList());
        });
    }

    /** Sends a string where a number belongs, and reads which field was wrong. */
    static void breakACell(PredictionServiceBlockingStub stub) throws Exception {
        try {
            stub.withDeadlineAfter(30, TimeUnit.SECONDS).predict(badRow("bill_length_mm"));
        } catch (StatusRuntimeException error) {
            Show.sayViolations(error);
        }
    }

    /** Gives a long text a millisecond. */
    static void runOutOfTime(PredictionServiceBlockingStub stub) {
        try {
            stub.withDeadlineAfter(1, TimeUnit.MILLISECONDS).predict(text(Show.TEXT.repeat(3000)));
        } catch (StatusRuntimeException error) {
            var code = error.getStatus().getCode();
            if (code == Code.DEADLINE_EXCEEDED) Show.sayCode("deadline", code.value());
        }
    }

    /** Sends items of several models on one stream; a bad one fails alone. */
    static void stream(Channel channel) throws Exception {
        var answers = new Answers();
        var call = PredictionServiceGrpc.newStub(channel)
            .withDeadlineAfter(30, TimeUnit.SECONDS).predictStream(answers);
        var items = Map.of("a text", text(Show.TEXT), "a row", row(), "a bad row", badRow("year"));
        items.forEach((id, request) ->
            call.onNext(PredictStreamRequest.newBuilder().setId(id).setRequest(request).build()));
        call.onCompleted();
        answers.done.get();
    }

    /** Prints answers as they are ready, perhaps in another order than the items'. */
    static class Answers implements StreamObserver<PredictStreamResponse> {
        final CompletableFuture<Void> done = new CompletableFuture<>();

        @Override public void onNext(PredictStreamResponse response) {
            var step = "stream: " + response.getId();
            var answer = response.getPrediction().getSingleLabel();
            if (response.hasPrediction()) {
                Show.say(step, answer.getLabel(), answer.getIndex(), answer.getProbabilitiesList());
            } else {
                Show.sayCode(step, response.getStatus().getCode());
            }
        }

        @Override public void onError(Throwable error) {
            done.completeExceptionally(error);
        }

        @Override public void onCompleted() {
            done.complete(null);
        }
    }

    static PredictRequest text(String content) {
        var text = Text.newBuilder().setContent(content);
        return PredictRequest.newBuilder().setModel("sentiment").setText(text).build();
    }

    /** Makes a row; each cell is a google.protobuf.Value. */
    static PredictRequest row() {
        return PredictRequest.newBuilder().setModel("penguins").setRow(cells()).build();
    }

    static PredictRequest badRow(String column) {
        var cells = cells().putCells(column, string("long"));
        return PredictRequest.newBuilder().setModel("penguins").setRow(cells).build();
    }

    static TabularRow.Builder cells() {
        return TabularRow.newBuilder()
            .putCells("island", string("Torgersen"))
            .putCells("sex", Value.newBuilder().setNullValue(NullValue.NULL_VALUE).build())
            .putCells("year", number(2008))
            .putCells("bill_length_mm", number(39.1))
            .putCells("bill_depth_mm", number(18.7))
            .putCells("flipper_length_mm", number(181))
            .putCells("body_mass_g", number(3750));
    }

    static Value string(String cell) {
        return Value.newBuilder().setStringValue(cell).build();
    }

    static Value number(double cell) {
        return Value.newBuilder().setNumberValue(cell).build();
    }

    /** Makes an array of bytes; lists go in `values` instead. */
    static PredictRequest array() {
        var array = NdArray.newBuilder().addShape(8).addShape(8)
            .setDataType(DataType.DATA_TYPE_UINT8).setData(Show.IMAGE);
        return PredictRequest.newBuilder().setModel("digits").setArray(array).build();
    }
}
