#ifndef RESTATE_TESTS_SUPPORT_JSON_H_
#define RESTATE_TESTS_SUPPORT_JSON_H_

#include <string>

#include "google/protobuf/message.h"

namespace restate::test {

// A message in the JSON mapping of Protocol Buffers: camelCase names, absent
// fields left out, int64 as strings; the keys of maps in order.
std::string ToJson(const google::protobuf::Message& message);

// Fills `message` from such JSON. Aborts the test binary on JSON that does not
// fit: the test itself is wrong then.
void ParseJsonInto(const std::string& json, google::protobuf::Message* message);

// FromJson<v1::SetStateRequest>(R"({"path": {"text": "/a"}, ...})").
template <typename Message>
Message FromJson(const std::string& json) {
  Message message;
  ParseJsonInto(json, &message);
  return message;
}

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_JSON_H_
