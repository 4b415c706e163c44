#ifndef RESTATE_ENGINE_DERIVATION_SOURCE_VALUES_H_
#define RESTATE_ENGINE_DERIVATION_SOURCE_VALUES_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "engine/derivation/definition.h"
#include "engine/derivation/derived_values.h"
#include "engine/derivation/layered_read.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"

namespace restate {

// What the derivation of `dest` is given for `source`: nothing if it is absent;
// the root is never. Every error is one that the derivation fails with:
//   RESOURCE_EXHAUSTED / READ_TOO_LARGE: over `max_bytes`.
//   Those of reading what clients wrote.
absl::StatusOr<Tree> ReadSource(ClientReader& client,
                                const DerivedValues& derived, const Path& dest,
                                const Path& source, size_t max_bytes);

// Whether a source of the definition is absent. The same errors.
absl::StatusOr<bool> AnySourceAbsent(ClientReader& client,
                                     const DerivedValues& derived,
                                     const Definition& definition);

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_SOURCE_VALUES_H_
