#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_READABLE_KEYS_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_READABLE_KEYS_H_

#include <optional>
#include <string>

#include "rocksdb/iterator.h"

namespace restate {

// The first key that can be read at or after `from`, where reading fails: behind
// the block that is damaged. Nothing if nothing more can be read. Where more
// than one block is damaged, and little is known of where the keys are, it may be
// the key behind a later one. Leaves the iterator anywhere.
std::optional<std::string> NextReadable(::rocksdb::Iterator* at,
                                        const std::string& from);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_READABLE_KEYS_H_
