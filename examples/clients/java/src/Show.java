import com.google.gson.Gson;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What the clients ask about, and how they print what they find. */
class Show {
    static final String TEXT = "A warm and funny film.";

    // A handwritten 3: eight rows of eight grey values from 0 to 255.
    static final ByteString IMAGE = ByteString.fromHex(
        "00008fffcf5f0000" + "00005f4fffff0000" + "0000007fef4f0000" + "0000004fdf2f0000"
        + "000000008fef1f00" + "0000000000afbf00" + "00003f7fafefbf00" + "0000afdfbf7f0000");

    private static final Gson GSON = new Gson();

    /** Prints the answer of a model with one label. */
    static void say(String step, String label, int index, List<Float> probabilities) {
        tell(step, Map.of("label", label, "index", index, "probabilities", probabilities));
    }

    /** Prints an answer and its class, a value of the contract's enum. */
    static void say(String step, Enum<?> category, String label, int index, List<Float> probabilities) {
        tell(step, Map.of("category", category.name(), "label", label, "index", index,
            "probabilities", probabilities));
    }

    /** Prints which fields were wrong: the details are a google.rpc.Status that came with the error. */
    static void sayViolations(StatusRuntimeException error) throws InvalidProtocolBufferException {
        for (var detail : StatusProto.fromThrowable(error).getDetailsList()) {
            if (!detail.is(BadRequest.class)) continue;
            for (var violation : detail.unpack(BadRequest.class).getFieldViolationsList()) {
                tell("violation", Map.of("code", error.getStatus().getCode().value(),
                    "field", violation.getField(), "description", violation.getDescription()));
            }
        }
    }

    /** Prints a code as gRPC's number, such as 3 for INVALID_ARGUMENT. */
    static void sayCode(String step, int code) {
        tell(step, Map.of("code", code));
    }

    /** Prints one line of JSON. */
    private static synchronized void tell(String step, Map<String, Object> found) {
        var line = new TreeMap<>(found);
        line.put("step", step);
        System.out.println(GSON.toJson(line));
    }
}
