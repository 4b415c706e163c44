#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_EXACT_TAGS_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_EXACT_TAGS_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "engine/value/value.h"

// Forms for values that a text format has none for. Each is a map with one key:
//
//   {"$bytes": "AP8="}                  bytes, in base64
//   {"$double": "NaN"}                  also "Infinity" and "-Infinity"
//   {"$double": "0x7ff8000000000001"}   a NaN by its bits
//   {"$map": {"$bytes": 1}}             a map that looks like one of these
namespace restate::exact_tags {

// Which kinds need a tag in the format. NaNs other than the usual one always
// do.
struct Needs {
  bool bytes = false;
  bool nonfinite = false;
};

// `value` with tags in place of what needs them.
Value Encode(const Value& value, Needs needs);

// The value that Encode was given. INVALID_ARGUMENT / INVALID_VALUE for a tag
// with something in it that the tag does not take.
absl::StatusOr<Value> Decode(const Value& value);

// How deep lists and maps nest in `value`, counted up to `enough`.
size_t Nesting(const Value& value, size_t enough);

// The deepest that lists and maps nest in what Encode makes of a storable
// value: each level of a map may be wrapped, and the leaf has a tag of its own.
inline constexpr size_t kMaxTaggedNesting = 64;

}  // namespace restate::exact_tags

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_EXACT_TAGS_H_
