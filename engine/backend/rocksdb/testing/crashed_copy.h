#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_TESTING_CRASHED_COPY_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_TESTING_CRASHED_COPY_H_

#include <filesystem>

namespace restate {

// Copies the directory of an open store to `to`, which is replaced: what
// kill -9 would leave at this moment. Nobody may be writing to the store.
void CopyAsCrashed(const std::filesystem::path& from,
                   const std::filesystem::path& to);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_TESTING_CRASHED_COPY_H_
