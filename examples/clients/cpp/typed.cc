// Asks models by their own contracts, whose columns are fields: ./typed HOST:PORT

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "learnwire/models/digits/v1/digits_service.grpc.pb.h"
#include "learnwire/models/penguins/v1/penguins_service.grpc.pb.h"
#include "learnwire/models/sentiment/v1/sentiment_service.grpc.pb.h"
#include "print.h"

namespace digits = learnwire::models::digits::v1;
namespace penguins = learnwire::models::penguins::v1;
namespace sentiment = learnwire::models::sentiment::v1;
using std::chrono::milliseconds;

const std::string kText = "A warm and funny film.";

// A handwritten 3: eight rows of eight grey values from 0 to 255.
const unsigned char kImage[8][8] = {
    {0, 0, 143, 255, 207, 95, 0, 0},  {0, 0, 95, 79, 255, 255, 0, 0},
    {0, 0, 0, 127, 239, 79, 0, 0},    {0, 0, 0, 79, 223, 47, 0, 0},
    {0, 0, 0, 0, 143, 239, 31, 0},    {0, 0, 0, 0, 0, 175, 191, 0},
    {0, 0, 63, 127, 175, 239, 191, 0}, {0, 0, 175, 223, 191, 127, 0, 0}};

// Makes a row. A field that is not set, here `sex`, is null.
penguins::PredictRequest Row(double bill_length = 39.1) {
  penguins::PredictRequest row;
  row.set_island("Torgersen");
  row.set_year(2008);
  row.set_bill_length_mm(bill_length);
  row.set_bill_depth_mm(18.7);
  row.set_flipper_length_mm(181);
  row.set_body_mass_g(3750);
  return row;
}

// Calls the Predict of any model; always with a deadline.
template <typename Stub, typename Request, typename Response>
grpc::Status Predict(Stub& stub, const Request& request, Response* response,
                     milliseconds timeout = milliseconds(30000)) {
  grpc::ClientContext context;  // one for each call
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  return stub.Predict(&context, request, response);
}

void Check(const grpc::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.error_message());
}

void PredictText(sentiment::SentimentService::Stub& stub) {
  sentiment::PredictRequest text;
  text.set_text(kText);
  sentiment::PredictResponse answer;
  Check(Predict(stub, text, &answer));
  Say("text", answer, sentiment::Category_Name(answer.category()));
}

void PredictRow(penguins::PenguinsService::Stub& stub) {
  penguins::PredictResponse answer;
  Check(Predict(stub, Row(), &answer));
  Say("row", answer, penguins::Category_Name(answer.category()));
}

void PredictImage(digits::DigitsService::Stub& stub) {
  digits::PredictRequest image;
  image.mutable_array()->add_shape(8);
  image.mutable_array()->add_shape(8);
  image.mutable_array()->set_values(kImage, sizeof kImage);
  digits::PredictResponse answer;
  Check(Predict(stub, image, &answer));
  Say("array", answer, digits::Category_Name(answer.category()));
}

// Sends NaN, and reads which field was wrong.
void BreakAField(penguins::PenguinsService::Stub& stub) {
  penguins::PredictResponse answer;
  grpc::Status status = Predict(stub, Row(std::nan("")), &answer);
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
void RunOutOfTime(sentiment::SentimentService::Stub& stub) {
  sentiment::PredictRequest text;
  for (int i = 0; i < 3000; ++i) *text.mutable_text() += kText;
  sentiment::PredictResponse answer;
  grpc::Status status = Predict(stub, text, &answer, milliseconds(1));
  if (status.error_code() == grpc::DEADLINE_EXCEEDED) TellCode("deadline", status.error_code());
}

// Sends many rows at once; answers come in order, and a bad one fails alone.
void PredictMany(penguins::PenguinsService::Stub& stub) {
  const std::string names[] = {"a row", "a bad row"};
  penguins::PredictManyRequest rows;
  *rows.add_requests() = Row();
  *rows.add_requests() = Row(std::nan(""));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + milliseconds(30000));
  auto stream = stub.PredictMany(&context, rows);
  penguins::PredictManyResponse chunk;
  while (stream->Read(&chunk)) {
    for (int i = 0; i < chunk.results_size(); ++i) {
      const std::string step = "stream: " + names[chunk.first_index() + i];
      const penguins::PredictResult& result = chunk.results(i);
      const penguins::PredictResponse& answer = result.response();
      result.has_response() ? Say(step, answer, penguins::Category_Name(answer.category()))
                            : TellCode(step, result.status().code());
    }
  }
  Check(stream->Finish());
}

int main(int, char** arguments) {
  auto channel = grpc::CreateChannel(arguments[1], grpc::InsecureChannelCredentials());
  auto sentiments = sentiment::SentimentService::NewStub(channel);
  auto species = penguins::PenguinsService::NewStub(channel);
  PredictText(*sentiments);
  PredictRow(*species);
  PredictImage(*digits::DigitsService::NewStub(channel));
  BreakAField(*species);
  RunOutOfTime(*sentiments);
  PredictMany(*species);
}
