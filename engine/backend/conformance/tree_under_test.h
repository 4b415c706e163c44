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
#include "engine/backend/conformance/hand_clock.h"
#include "engine/backend/filesystem/filesystem_backend.h"
#include "engine/backend/hybrid/mount_table.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/mount/mounted_backend.h"
#include "engine/path/path.h"
#include "gtest/gtest.h"

namespace restate {

// A store in another place, which nothing else uses: what a test of backends in
// a network brings along. Not thread-safe.
class FarStore {
 public:
  virtual ~FarStore() = default;
  // A mount of it at `at`, which can be reached.
  virtual std::unique_ptr<Backend> Open(const Path& at) = 0;
  // Ends what serves it without a goodbye, and starts it again on the same
  // data. REQUIRES: no mount of it is open.
  virtual absl::Status Bounce() = 0;
};

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
    // What `far` makes.
    kFar,
  };
  struct MountSpec {
    std::string at;
    Kind kind;
    // Behind a cache that is flushed after every third batch.
    bool cached = false;
    std::function<std::unique_ptr<FarStore>()> far = nullptr;
  };
  // Aborts if the stores cannot be opened.
  explicit TreeUnderTest(const std::vector<MountSpec>& specs);
  ~TreeUnderTest();

  // Applies a batch, under the next revision. After every third one everything
  // is brought to its backend, unless a snapshot is held that is in the way.
  absl::Status Apply(std::vector<Write> writes);
  // One mount's own snapshot if there is one mount alone.
  std::shared_ptr<const Snapshot> TakeSnapshot();
  // Brings everything to its backend. REQUIRES: no snapshot is held of a store
  // that keeps none.
  void FlushAll();
  // The same with snapshots held: time passes until they are given up.
  void FlushPastOldViews();
  // Closes and opens the durable mounts. REQUIRES: no snapshot is held.
  absl::Status Reopen();
  Revision revision() const { return revision_; }

 private:
  // Opens what `spec` names, which will be the next of backends_.
  std::unique_ptr<Backend> OpenBackend(const MountSpec& spec, const Path& at);
  bool IsViewed() const;

  std::string directory_;
  // By the place in backends_.
  std::map<size_t, FilesystemOptions> files_;
  std::map<size_t, std::unique_ptr<FarStore>> far_;
  std::unique_ptr<RocksDbStore> store_;
  std::unique_ptr<MountTable> table_;
  std::unique_ptr<MountedBackend> NewMounted(const Path& at,
                                             std::unique_ptr<Backend> backend,
                                             bool cached);
  // What the store is to do with a cache's writes.
  absl::Status FlushToStore(uint32_t mount, std::vector<Write> writes);

  HandClock clock_;
  std::vector<std::unique_ptr<MountedBackend>> backends_;
  Revision revision_ = 0;
  // The snapshots that were given out, if a store keeps none.
  bool counts_views_ = false;
  std::vector<std::weak_ptr<const Snapshot>> given_;
};

// The parameter of the suites: a name, what is mounted where, and all that may
// be different there: docs/storage.md, "Where backends differ".
struct Arrangement {
  std::string name;
  std::vector<TreeUnderTest::MountSpec> mounts;
  // Whether a view stays however long it is held. Otherwise it is
  // SNAPSHOT_EXPIRED when newer writes have waited for a minute.
  bool keeps_old_views = true;
  // How many levels a path may have: what is exported is some levels down in
  // its own server.
  size_t levels = kMaxDepth;
};
// For GoogleTest.
void PrintTo(const Arrangement& arrangement, std::ostream* os);

// Every arrangement that needs no network.
std::vector<Arrangement> LocalArrangements();

// For INSTANTIATE_TEST_SUITE_P.
inline std::string NameOfArrangement(
    const testing::TestParamInfo<Arrangement>& info) {
  return info.param.name;
}

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_CONFORMANCE_TREE_UNDER_TEST_H_
