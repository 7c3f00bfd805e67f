# What the clients ask about, and how they print what they find.

require "google/protobuf/well_known_types"
require "google/rpc/error_details_pb"
require "json"

TEXT = "A warm and funny film."

# A handwritten 3: eight rows of eight grey values from 0 to 255.
IMAGE = [
  "00008fffcf5f0000", "00005f4fffff0000", "0000007fef4f0000", "0000004fdf2f0000",
  "000000008fef1f00", "0000000000afbf00", "00003f7fafefbf00", "0000afdfbf7f0000"
].pack("H16" * 8)

# A deadline is a time.
def soon(seconds = 30)
  Time.now + seconds
end

# Print the answer of a model with one label.
def say(step, answer, **more)
  tell(step, label: answer.label, index: answer.index, probabilities: answer.probabilities.to_a, **more)
end

# Print which fields were wrong: the details are a google.rpc.Status that came with the error.
def say_violations(error)
  error.to_rpc_status.details.each do |detail|
    next unless detail.is(Google::Rpc::BadRequest)

    detail.unpack(Google::Rpc::BadRequest).field_violations.each do |violation|
      tell("violation", code: error.code, field: violation.field, description: violation.description)
    end
  end
end

# Print one line of JSON; codes are gRPC's numbers, such as 3 for INVALID_ARGUMENT.
def tell(step, **found)
  puts JSON.generate(step: step, **found)
end
