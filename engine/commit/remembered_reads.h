#ifndef RESTATE_ENGINE_COMMIT_REMEMBERED_READS_H_
#define RESTATE_ENGINE_COMMIT_REMEMBERED_READS_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/commit/last_changes.h"
#include "engine/path/path.h"

namespace restate {

// What a commit was found to need of slow mounts, read before it is sequenced:
// the sequencer waits for no network. Filled by one thread, by way of
// Remember, and not changed after that.
class RememberedReads {
 public:
  // `revision`: of the state that is read.
  explicit RememberedReads(Revision revision) : revision_(revision) {}

  Revision revision() const { return revision_; }

  // `snapshot`, of the mount at `at`, with every answer noted down. Must not
  // outlive this. Used by one thread.
  std::shared_ptr<const Snapshot> Remember(
      const Path& at, std::shared_ptr<const Snapshot> snapshot);

 private:
  friend class Recall;
  class RememberingSnapshot;

  // The key of the mount point, and that of a path or place in the mount.
  using Place = std::pair<std::string, std::string>;
  // Those, and the limits.
  using ReadKey = std::tuple<std::string, std::string, size_t, size_t, size_t>;
  static ReadKey KeyOf(const Path& at, const Path& path,
                       const ReadLimits& limits) {
    return {at.key(), path.key(), limits.depth, limits.max_bytes,
            limits.max_own_values};
  }
  // The key of the mount point, that of what is walked, and where the walk has
  // come to.
  using WalkKey = std::tuple<std::string, std::string, std::string>;
  // An own value that a cursor found.
  struct Found {
    std::string key;
    absl::StatusOr<Value> value;
  };

  const Revision revision_;
  std::map<Place, NodeProbe> probes_;
  std::map<ReadKey, ReadResult> reads_;
  // The first own value at or after a key, if there is one.
  std::map<WalkKey, std::optional<Found>> firsts_;
};

// Answers reads of slow mounts from what was remembered, on the sequencer's
// thread. What was not, or has changed since, is a miss: the caller looks at
// missed() and has it read.
class Recall {
 public:
  // `base`: the revision of the state before the batch. `last_changes` outlives
  // this.
  Recall(Revision base, const LastChanges* last_changes)
      : base_(base), last_changes_(last_changes) {}

  // Goes on with what was remembered for one commit; may be null. Forgets
  // misses.
  void Use(const RememberedReads* reads) {
    reads_.assign(reads == nullptr ? 0 : 1, reads);
    missed_ = false;
  }
  // Goes on with what was remembered for each of a batch.
  void UseAll(std::vector<const RememberedReads*> reads) {
    reads_ = std::move(reads);
    missed_ = false;
  }
  bool missed() const { return missed_; }

  // Stands for the mount at `at`. Must not outlive this.
  std::shared_ptr<const Snapshot> NewSnapshot(const Path& at);

 private:
  class RecallingSnapshot;
  class RecallingCursor;

  // Whether nothing at `path` has changed between what was read and the base.
  bool IsFresh(const RememberedReads& reads, const Path& path) const;
  absl::Status Miss();

  const Revision base_;
  const LastChanges* const last_changes_;
  std::vector<const RememberedReads*> reads_;
  bool missed_ = false;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_REMEMBERED_READS_H_
