#ifndef RESTATE_SERVICE_ADAPTERS_VALUE_ADAPTER_H_
#define RESTATE_SERVICE_ADAPTERS_VALUE_ADAPTER_H_

#include "absl/status/statusor.h"
#include "engine/value/value.h"
#include "restate/v1/value.pb.h"

namespace restate {

// Reads a value of a request: typed kinds, or `json` at any level. A JSON
// number that is whole and within ±2^53 is an int64, any other a double. Map
// keys are not judged here (tree::Canonicalize does).
//   INVALID_ARGUMENT / INVALID_VALUE: a kind is unset, or lists and maps nest
//     too deep.
absl::StatusOr<Value> DecodeValue(const v1::Value& proto);

// Fills `proto`, which must be empty. UNSPECIFIED means JSON. In JSON an int64
// beyond ±2^53 is a decimal string, bytes are standard base64, NaN and the
// infinities are "NaN", "Infinity" and "-Infinity"; any of these sets `lossy`.
void EncodeValue(const Value& value, v1::ValueEncoding encoding,
                 v1::Value* proto);

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_VALUE_ADAPTER_H_
