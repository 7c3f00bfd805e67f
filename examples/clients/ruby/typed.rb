# Asks models by their own contracts, whose columns are fields: ruby -I gen typed.rb HOST:PORT

require "learnwire/models/digits/v1/digits_service_services_pb"
require "learnwire/models/penguins/v1/penguins_service_services_pb"
require "learnwire/models/sentiment/v1/sentiment_service_services_pb"
require_relative "show"

Digits = Learnwire::Models::Digits::V1
Penguins = Learnwire::Models::Penguins::V1
Sentiment = Learnwire::Models::Sentiment::V1

# A field that is not set, here `sex`, is null.
ROW = {
  island: "Torgersen", year: 2008, bill_length_mm: 39.1,
  bill_depth_mm: 18.7, flipper_length_mm: 181, body_mass_g: 3750
}

def main(target)
  sentiments = Sentiment::SentimentService::Stub.new(target, :this_channel_is_insecure)
  penguins = Penguins::PenguinsService::Stub.new(target, :this_channel_is_insecure)
  predict_text(sentiments)
  say_typed("row", penguins.predict(a_row, deadline: soon))
  predict_image(Digits::DigitsService::Stub.new(target, :this_channel_is_insecure))
  break_a_field(penguins)
  run_out_of_time(sentiments)
  predict_many(penguins)
end

def predict_text(stub)
  say_typed("text", stub.predict(Sentiment::PredictRequest.new(text: TEXT), deadline: soon))
end

def predict_image(stub)
  array = Learnwire::V1::ByteArray.new(shape: [8, 8], values: IMAGE)
  say_typed("array", stub.predict(Digits::PredictRequest.new(array: array), deadline: soon))
end

# Send NaN, and read which field was wrong.
def break_a_field(stub)
  stub.predict(a_row(bill_length_mm: Float::NAN), deadline: soon)
rescue GRPC::InvalidArgument => error
  say_violations(error)
end

# Give a long text a millisecond.
def run_out_of_time(stub)
  stub.predict(Sentiment::PredictRequest.new(text: TEXT * 3000), deadline: soon(0.001))
rescue GRPC::DeadlineExceeded => error
  tell("deadline", code: error.code)
end

# Send many rows at once; answers come in order, and a bad one fails alone.
def predict_many(stub)
  names = ["a row", "a bad row"].each
  rows = Penguins::PredictManyRequest.new(requests: [a_row, a_row(bill_length_mm: Float::NAN)])
  stub.predict_many(rows, deadline: soon).flat_map { |chunk| chunk.results.to_a }.each do |result|
    step = "stream: #{names.next}"
    if result.response
      say_typed(step, result.response)
    else
      tell(step, code: result.status.code)
    end
  end
end

def a_row(**changes)
  Penguins::PredictRequest.new(**ROW, **changes)
end

# Print an answer and its class, a value of the contract's enum.
def say_typed(step, answer)
  say(step, answer, category: answer.category)
end

main(ARGV[0])
