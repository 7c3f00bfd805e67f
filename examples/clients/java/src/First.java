import com.learnwire.v1.PredictRequest;
import com.learnwire.v1.PredictionServiceGrpc;
import com.learnwire.v1.Text;
import io.grpc.ManagedChannelBuilder;

public class First {
    public static void main(String[] arguments) {
        var channel = ManagedChannelBuilder.forTarget(arguments[0]).usePlaintext().build();
        var text = Text.newBuilder().setContent("A warm and funny film.");
        var request = PredictRequest.newBuilder().setModel("sentiment").setText(text).build();
        var response = PredictionServiceGrpc.newBlockingStub(channel).predict(request);
        System.out.println(response.getPrediction().getSingleLabel().getLabel());
        channel.shutdown();
    }
}
