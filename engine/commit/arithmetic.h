#ifndef RESTATE_ENGINE_COMMIT_ARITHMETIC_H_
#define RESTATE_ENGINE_COMMIT_ARITHMETIC_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"

namespace restate {

// `previous` plus `amount`, a number; an absent previous value counts as 0. Two
// int64 give an int64, anything else a double.
//   FAILED_PRECONDITION / KIND_MISMATCH: `previous` is no number.
//   OUT_OF_RANGE / INTEGER_OVERFLOW
absl::StatusOr<Value> Add(const Path& path, const Tree& previous,
                          const Value& amount);

// `previous` followed by `addition`, both lists or both strings; an absent
// previous value counts as empty.
//   FAILED_PRECONDITION / KIND_MISMATCH: they are not of one such kind.
//   RESOURCE_EXHAUSTED / LEAF_TOO_LARGE: the result is over `max_leaf_bytes`.
absl::StatusOr<Value> Append(const Path& path, const Tree& previous,
                             const Value& addition, size_t max_leaf_bytes);

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_ARITHMETIC_H_
