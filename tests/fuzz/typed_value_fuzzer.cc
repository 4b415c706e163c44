// Any bytes as an encoded restate.v1.Value of the typed kinds, as a leaf on
// disk or a request would hold.

#include "engine/error/error.h"
#include "engine/value/value_proto.h"
#include "restate/v1/value.pb.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/tree_promises.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  restate::v1::Value proto;
  if (!proto.ParseFromArray(data, static_cast<int>(size))) return 0;
  const absl::StatusOr<restate::Value> value = restate::FromProto(proto);
  if (!value.ok()) {
    FUZZ_CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    FUZZ_CHECK(restate::ErrorReason(value.status()) == "INVALID_VALUE");
    return 0;
  }
  restate::CheckTreePromises(*value);
  return 0;
}
