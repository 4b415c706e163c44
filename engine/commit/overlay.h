#ifndef RESTATE_ENGINE_COMMIT_OVERLAY_H_
#define RESTATE_ENGINE_COMMIT_OVERLAY_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/commit/leaf_cache.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"
#include "engine/value/persistent_map.h"

namespace restate {

// A snapshot with the changes of the batch at hand laid over it: what the next
// operation is judged against.
//
// The changes are kept as absolute writes by path. Invariant: nothing is kept
// strictly below a kSubtree entry, so that the last entry at or before a path
// tells whether one covers it. Entries live in a persistent map: a savepoint is
// a copy of one pointer, and undoing a commit is putting it back.
//
// Not thread-safe: the sequencer's own.
class Overlay {
 public:
  // `base`, and `leaves` unless it is null, must outlive the overlay; `leaves`
  // knows some of what `base` reads.
  explicit Overlay(const Snapshot* base, const LeafCache* leaves = nullptr)
      : base_(base), leaves_(leaves) {}

  // As Snapshot::Probe and Read (depth 0 only), of the changed state.
  absl::StatusOr<NodeProbe> Probe(const Path& path);
  absl::StatusOr<ReadResult> Read(const Path& path, const ReadLimits& limits);

  // Makes `path` read `subtree` and nothing else. `existed`: whether it read as
  // anything before. A {} above that gets its first child by this goes away.
  absl::Status Replace(const Path& path, Tree subtree, bool existed,
                       Revision revision);
  // Makes the own value of `path` be `own`.
  absl::Status ReplaceOwn(const Path& path, Tree own, bool existed,
                          Revision revision);

  // The paths whose {} went away because a first child came, since the last
  // call.
  std::vector<Path> TakeClearedEmptyMaps() {
    return std::exchange(cleared_, {});
  }

  // Everything changed so far, in path order.
  std::vector<Write> Writes() const;
  bool empty() const { return entries_.empty(); }

 private:
  struct Entry {
    Write::Scope scope;
    Tree value;
    Revision revision;
    // kSubtree: what the base read there, if known.
    std::optional<Tree> before;
  };
  using Entries = PersistentMap<Entry>;

 public:
  // Where to go back to.
  using Savepoint = Entries;
  Savepoint Save() const { return entries_; }
  void Restore(Savepoint savepoint) { entries_ = std::move(savepoint); }

 private:
  // The kSubtree entry at `path` or above it, or null.
  const Entries::Entry* Covering(const Path& path) const;
  // Whether the base has anything strictly below `path` that no entry removed.
  absl::StatusOr<bool> BaseShowsBelow(const Path& path) const;
  absl::Status ClearEmptyMapAbove(const Path& path, Revision revision);
  void Put(const Path& path, Tree subtree, Revision revision);
  void PutOwn(const Path& path, Tree own, Revision revision);

  // As base_->Read, without it where the leaf is known.
  absl::StatusOr<ReadResult> ReadBase(const Path& path,
                                      const ReadLimits& limits) const;

  const Snapshot* const base_;
  const LeafCache* const leaves_;
  Entries entries_;
  std::vector<Path> cleared_;
  // The last whole subtree that was read from the base: an operation reads what
  // it then replaces.
  std::optional<std::pair<Path, Tree>> last_base_read_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_OVERLAY_H_
