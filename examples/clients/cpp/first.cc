#include <grpcpp/grpcpp.h>

#include <iostream>

#include "learnwire/v1/prediction_service.grpc.pb.h"

int main(int, char** arguments) {
  auto channel = grpc::CreateChannel(arguments[1], grpc::InsecureChannelCredentials());
  auto stub = learnwire::v1::PredictionService::NewStub(channel);
  learnwire::v1::PredictRequest request;
  request.set_model("sentiment");
  request.mutable_text()->set_content("A warm and funny film.");
  learnwire::v1::PredictResponse response;
  grpc::ClientContext context;
  grpc::Status status = stub->Predict(&context, request, &response);
  if (!status.ok()) {
    std::cerr << status.error_message() << std::endl;
    return 1;
  }
  std::cout << response.prediction().single_label().label() << std::endl;
}
