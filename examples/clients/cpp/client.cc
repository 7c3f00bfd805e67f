// Asks Learnwire with generated C++ stubs: ./client HOST:PORT

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "learnwire/v1/prediction_service.grpc.pb.h"
#include "print.h"

namespace lw = learnwire::v1;
using lw::PredictionService;
using std::chrono::milliseconds;

const std::string kText = "A warm and funny film.";

// A handwritten 3: eight rows of eight grey values from 0 to 255.
const unsigned char kImage[8][8] = {
    {0, 0, 143, 255, 207, 95, 0, 0},  {0, 0, 95, 79, 255, 255, 0, 0},
    {0, 0, 0, 127, 239, 79, 0, 0},    {0, 0, 0, 79, 223, 47, 0, 0},
    {0, 0, 0, 0, 143, 239, 31, 0},    {0, 0, 0, 0, 0, 175, 191, 0},
    {0, 0, 63, 127, 175, 239, 191, 0}, {0, 0, 175, 223, 191, 127, 0, 0}};

lw::PredictRequest Text(const std::string& content) {
  lw::PredictRequest request;
  request.set_model("sentiment");
  request.mutable_text()->set_content(content);
  return request;
}

// Each cell is a google.protobuf.Value.
lw::PredictRequest Row() {
  lw::PredictRequest request;
  request.set_model("penguins");
  auto& cells = *request.mutable_row()->mutable_cells();
  cells["island"].set_string_value("Torgersen");
  cells["sex"].set_null_value(google::protobuf::NULL_VALUE);
  cells["year"].set_number_value(2008);
  cells["bill_length_mm"].set_number_value(39.1);
  cells["bill_depth_mm"].set_number_value(18.7);
  cells["flipper_length_mm"].set_number_value(181);
  cells["body_mass_g"].set_number_value(3750);
  return request;
}

lw::PredictRequest BadRow(const std::string& column) {
  lw::PredictRequest request = Row();
  (*request.mutable_row()->mutable_cells())[column].set_string_value("long");
  return request;
}

// An array as bytes; lists go in `values` instead.
lw::PredictRequest Array() {
  lw::PredictRequest request;
  request.set_model("digits");
  request.mutable_array()->add_shape(8);
  request.mutable_array()->add_shape(8);
  request.mutable_array()->set_data_type(lw::DATA_TYPE_UINT8);
  request.mutable_array()->set_data(kImage, sizeof kImage);
  return request;
}

// Calls Predict; always with a deadline.
grpc::Status Predict(PredictionService::Stub& stub, const lw::PredictRequest& request,
                     lw::PredictResponse* response, milliseconds timeout = milliseconds(30000)) {
  grpc::ClientContext context;  // one for each call
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  return stub.Predict(&context, request, response);
}

// Asks a model for one prediction.
void PredictOne(PredictionService::Stub& stub, const std::string& step,
                const lw::PredictRequest& request) {
  lw::PredictResponse response;
  grpc::Status status = Predict(stub, request, &response);
  if (!status.ok()) throw std::runtime_error(status.error_message());
  Say(step, response.prediction().single_label());
}

// Sends a string where a number belongs, and reads which field was wrong.
void BreakACell(PredictionService::Stub& stub) {
  lw::PredictResponse response;
  grpc::Status status = Predict(stub, BadRow("bill_length_mm"), &response);
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  google::rpc::BadRequest bad_request;
  for (const auto& detail : details.details()) {
    if (!detail.UnpackTo(&bad_request)) continue;
    for (const auto& violation : bad_request.field_violations()) {
      TellViolation(status.error_code(), violation.field(), violation.description());
    }
  }
}

// Gives a long text a millisecond.
void RunOutOfTime(PredictionService::Stub& stub) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += kText;
  lw::PredictResponse response;
  grpc::Status status = Predict(stub, Text(text), &response, milliseconds(1));
  if (status.error_code() == grpc::DEADLINE_EXCEEDED) TellCode("deadline", status.error_code());
}

// Sends items of several models on one stream; a bad one fails alone.
void Stream(PredictionService::Stub& stub) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + milliseconds(30000));
  auto stream = stub.PredictStream(&context);
  lw::PredictStreamRequest item;
  for (const auto& [id, request] : {std::pair("a text", Text(kText)), std::pair("a row", Row()),
                                    std::pair("a bad row", BadRow("year"))}) {
    item.set_id(id);
    *item.mutable_request() = request;
    stream->Write(item);
  }
  stream->WritesDone();
  // Answers come as they are ready, perhaps in another order. A caller with many items reads
  // from another thread while it writes.
  lw::PredictStreamResponse answer;
  while (stream->Read(&answer)) {
    const std::string step = "stream: " + answer.id();
    answer.has_prediction() ? Say(step, answer.prediction().single_label())
                            : TellCode(step, answer.status().code());
  }
  grpc::Status status = stream->Finish();
  if (!status.ok()) throw std::runtime_error(status.error_message());
}

int main(int, char** arguments) {
  // One channel serves the whole process; stubs are safe to share among threads.
  auto channel = grpc::CreateChannel(arguments[1], grpc::InsecureChannelCredentials());
  auto stub = PredictionService::NewStub(channel);
  PredictOne(*stub, "text", Text(kText));
  PredictOne(*stub, "row", Row());
  PredictOne(*stub, "array", Array());
  BreakACell(*stub);
  RunOutOfTime(*stub);
  Stream(*stub);
}
