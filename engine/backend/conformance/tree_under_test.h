#ifndef RESTATE_ENGINE_BACKEND_CONFORMANCE_TREE_UNDER_TEST_H_
#define RESTATE_ENGINE_BACKEND_CONFORMANCE_TREE_UNDER_TEST_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/backend/backend.h"
#include "engine/backend/commit_store.h"
#include "engine/backend/filesystem/filesystem_backend.h"
#include "engine/backend/hybrid/mount_table.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/clock/clock.h"
#include "engine/mount/mounted_backend.h"
#include "engine/path/path.h"

namespace restate {

// One or several backends as the sequencer uses them, without the sequencer:
// batches go where they belong, and snapshots are of everything.
class TreeUnderTest {
 public:
  enum class Kind {
    kMemory,
    kRocksDb,
    kFaultyMemory,
    kFaultyRocksDb,
    kJsonFiles,
    kYamlFiles,
    kTextprotoFiles,
  };
  struct MountSpec {
    std::string at;
    Kind kind;
    // Behind a cache that is flushed after every third batch.
    bool cached = false;
  };
  // Aborts if the stores cannot be opened.
  explicit TreeUnderTest(const std::vector<MountSpec>& specs);
  ~TreeUnderTest();

  // Applies a batch, under the next revision.
  absl::Status Apply(std::vector<Write> writes);
  // One mount's own snapshot if there is one mount alone.
  std::shared_ptr<const Snapshot> TakeSnapshot();
  // Closes and opens the durable mounts. REQUIRES: no snapshot is held.
  absl::Status Reopen();
  Revision revision() const { return revision_; }

 private:
  std::string directory_;
  // By the place in backends_.
  std::map<size_t, FilesystemOptions> files_;
  std::unique_ptr<RocksDbStore> store_;
  std::unique_ptr<MountTable> table_;
  std::unique_ptr<MountedBackend> NewMounted(const Path& at,
                                             std::unique_ptr<Backend> backend,
                                             bool cached);
  // What the store is to do with a cache's writes.
  absl::Status FlushToStore(uint32_t mount, std::vector<Write> writes);
  void FlushCaches();

  SystemClock clock_;
  std::vector<std::unique_ptr<MountedBackend>> backends_;
  Revision revision_ = 0;
};

// The parameter of the suites: a name, and what is mounted where.
struct Arrangement {
  std::string name;
  std::vector<TreeUnderTest::MountSpec> mounts;
};
// For GoogleTest.
void PrintTo(const Arrangement& arrangement, std::ostream* os);

// Every arrangement that the suites run over.
std::vector<Arrangement> AllArrangements();

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_CONFORMANCE_TREE_UNDER_TEST_H_
