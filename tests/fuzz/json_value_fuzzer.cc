// Any bytes as an encoded restate.v1.Value whose `json` may be set at any
// level, as a request would hold, and what an answer makes of it.

#include "engine/error/error.h"
#include "restate/v1/value.pb.h"
#include "service/adapters/value_adapter.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/tree_promises.h"

namespace restate {
namespace {

void CheckAnswer(const Value& value) {
  v1::Value typed;
  EncodeValue(value, v1::VALUE_ENCODING_TYPED, &typed);
  const absl::StatusOr<Value> exact = DecodeValue(typed);
  FUZZ_CHECK(exact.ok() && Value::Identical(*exact, value));

  v1::Value json;
  EncodeValue(value, v1::VALUE_ENCODING_JSON, &json);
  FUZZ_CHECK(json.has_json());
  const absl::StatusOr<Value> back = DecodeValue(json);
  FUZZ_CHECK(back.ok());
  // Where nothing was lost, JSON says the same, with 1.0 as 1.
  if (!json.lossy()) FUZZ_CHECK(*back == value);
  // What JSON has said once it says again.
  v1::Value again;
  EncodeValue(*back, v1::VALUE_ENCODING_JSON, &again);
  const absl::StatusOr<Value> back_again = DecodeValue(again);
  FUZZ_CHECK(back_again.ok() && *back_again == *back);
}

}  // namespace
}  // namespace restate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  restate::v1::Value proto;
  if (!proto.ParseFromArray(data, static_cast<int>(size))) return 0;
  const absl::StatusOr<restate::Value> value = restate::DecodeValue(proto);
  if (!value.ok()) {
    FUZZ_CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    FUZZ_CHECK(restate::ErrorReason(value.status()) == "INVALID_VALUE");
    return 0;
  }
  restate::CheckTreePromises(*value);
  restate::CheckAnswer(*value);
  return 0;
}
