require "learnwire/v1/prediction_service_services_pb"

stub = Learnwire::V1::PredictionService::Stub.new(ARGV[0], :this_channel_is_insecure)
text = Learnwire::V1::Text.new(content: "A warm and funny film.")
response = stub.predict(Learnwire::V1::PredictRequest.new(model: "sentiment", text: text))
puts response.prediction.single_label.label
