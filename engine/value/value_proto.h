#ifndef RESTATE_ENGINE_VALUE_VALUE_PROTO_H_
#define RESTATE_ENGINE_VALUE_VALUE_PROTO_H_

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/path/path.h"
#include "engine/value/value.h"
#include "restate/v1/value.pb.h"

namespace restate {

// The typed kinds of restate.v1.Value: exact both ways. Used on the wire for
// VALUE_ENCODING_TYPED and for leaves on disk.

// The deepest that lists and maps nest in a message: the levels of a path, and
// one more for the own value of the deepest node, which stands inside that
// node's map. 93 of the 100 nested messages that protobuf's parsers take.
inline constexpr size_t kMaxValueNesting = kMaxDepth + 1;

// Fills `proto`, which must be empty.
void ToProto(const Value& value, v1::Value* proto);

// Reads the typed kinds. INVALID_ARGUMENT / INVALID_VALUE for an unset kind at
// any depth, for nesting deeper than kMaxValueNesting, and for `json`, which is
// the service's business (service/adapters). Map keys are not judged here.
absl::StatusOr<Value> FromProto(const v1::Value& proto);

// Reads a `json` that is itself inside `nesting` lists and maps.
using JsonReader = absl::FunctionRef<absl::StatusOr<Value>(
    const google::protobuf::Value& json, size_t nesting)>;

// The same, with `json` at any depth read by `read_json`.
absl::StatusOr<Value> FromProto(const v1::Value& proto, JsonReader read_json);

// OK if one more list or map may be opened inside `nesting` of them; else the
// error that FromProto gives.
absl::Status CheckMayNest(size_t nesting);

}  // namespace restate

#endif  // RESTATE_ENGINE_VALUE_VALUE_PROTO_H_
