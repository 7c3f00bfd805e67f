# Asks Learnwire with generated Ruby stubs: ruby -I gen client.rb HOST:PORT

require "learnwire/v1/prediction_service_services_pb"
require_relative "show"

include Learnwire::V1

ROW = {
  island: "Torgersen", sex: nil, year: 2008, bill_length_mm: 39.1,
  bill_depth_mm: 18.7, flipper_length_mm: 181, body_mass_g: 3750
}

def main(target)
  # One stub serves the whole process.
  stub = PredictionService::Stub.new(target, :this_channel_is_insecure)
  predict_each(stub)
  break_a_cell(stub)
  run_out_of_time(stub)
  stream(stub)
end

# Ask each model for one prediction; always with a deadline.
def predict_each(stub)
  { "text" => a_text(TEXT), "row" => a_row, "array" => an_array }.each do |step, request|
    say(step, stub.predict(request, deadline: soon).prediction.single_label)
  end
end

# Send a string where a number belongs, and read which field was wrong.
def break_a_cell(stub)
  stub.predict(a_row(bill_length_mm: "long"), deadline: soon)
rescue GRPC::InvalidArgument => error
  say_violations(error)
end

# Give a long text a millisecond.
def run_out_of_time(stub)
  stub.predict(a_text(TEXT * 3000), deadline: soon(0.001))
rescue GRPC::DeadlineExceeded => error
  tell("deadline", code: error.code)
end

# Send items of several models on one stream; a bad one fails alone.
def stream(stub)
  items = { "a text" => a_text(TEXT), "a row" => a_row, "a bad row" => a_row(year: "old") }
  requests = items.map { |id, request| PredictStreamRequest.new(id: id, request: request) }
  # Answers come as they are ready, perhaps in another order.
  stub.predict_stream(requests.each, deadline: soon).each do |answer|
    step = "stream: #{answer.id}"
    if answer.prediction
      say(step, answer.prediction.single_label)
    else
      tell(step, code: answer.status.code)
    end
  end
end

def a_text(content)
  PredictRequest.new(model: "sentiment", text: Text.new(content: content))
end

# Make a row with some cells changed; each cell is a google.protobuf.Value.
def a_row(**changes)
  cells = ROW.merge(changes).to_h { |column, cell| [column.to_s, a_cell(cell)] }
  PredictRequest.new(model: "penguins", row: TabularRow.new(cells: cells))
end

def a_cell(cell)
  case cell
  when nil then Google::Protobuf::Value.new(null_value: :NULL_VALUE)
  when String then Google::Protobuf::Value.new(string_value: cell)
  else Google::Protobuf::Value.new(number_value: cell)
  end
end

# Make an array of bytes; lists go in `values` instead.
def an_array
  array = NdArray.new(shape: [8, 8], data_type: :DATA_TYPE_UINT8, data: IMAGE)
  PredictRequest.new(model: "digits", array: array)
end

main(ARGV[0])
