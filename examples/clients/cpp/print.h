// How the answers are printed.

#pragma once

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <iostream>
#include <string>

using google::protobuf::Struct;

// Prints one line of JSON; codes are gRPC's numbers, such as 3 for INVALID_ARGUMENT.
inline void Tell(const std::string& step, Struct found) {
  (*found.mutable_fields())["step"].set_string_value(step);
  std::string json;
  google::protobuf::util::MessageToJsonString(found, &json);
  std::cout << json << std::endl;
}

inline void TellCode(const std::string& step, int code) {
  Struct found;
  (*found.mutable_fields())["code"].set_number_value(code);
  Tell(step, found);
}

inline void TellViolation(int code, const std::string& field, const std::string& description) {
  Struct found;
  auto& fields = *found.mutable_fields();
  fields["code"].set_number_value(code);
  fields["field"].set_string_value(field);
  fields["description"].set_string_value(description);
  Tell("violation", found);
}

// Prints the answer of a model with one label, and the class where the contract has an enum.
template <typename Answer>
void Say(const std::string& step, const Answer& answer, const std::string& category = "") {
  Struct found;
  auto& fields = *found.mutable_fields();
  if (!category.empty()) fields["category"].set_string_value(category);
  fields["label"].set_string_value(answer.label());
  fields["index"].set_number_value(answer.index());
  for (float probability : answer.probabilities()) {
    fields["probabilities"].mutable_list_value()->add_values()->set_number_value(probability);
  }
  Tell(step, found);
}
