#ifndef RESTATE_ENGINE_VALUE_VALUE_PROTO_H_
#define RESTATE_ENGINE_VALUE_VALUE_PROTO_H_

#include "absl/status/statusor.h"
#include "engine/value/value.h"
#include "restate/v1/value.pb.h"

namespace restate {

// The typed kinds of restate.v1.Value: exact both ways. Used on the wire for
// VALUE_ENCODING_TYPED and for leaves on disk.

// Fills `proto`, which must be empty.
void ToProto(const Value& value, v1::Value* proto);

// Reads the typed kinds. INVALID_ARGUMENT / INVALID_VALUE for an unset kind at
// any depth, for nesting deeper than kMaxDepth, and for `json`, which is the
// service's business (service/adapters). Map keys are not judged here.
absl::StatusOr<Value> FromProto(const v1::Value& proto);

}  // namespace restate

#endif  // RESTATE_ENGINE_VALUE_VALUE_PROTO_H_
