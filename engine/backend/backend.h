#ifndef RESTATE_ENGINE_BACKEND_BACKEND_H_
#define RESTATE_ENGINE_BACKEND_BACKEND_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"
#include "engine/value/value.h"

namespace restate {

// The number of a commit: increasing over the whole server, never given twice
// in an epoch. 0 is before every commit.
using Revision = int64_t;

// Walks the own values of a snapshot in path order, in either whole or from any
// path on. Used by one thread at a time; must not outlive its snapshot.
class Cursor {
 public:
  virtual ~Cursor() = default;
  // Moves to the first own value whose key is at or after `key`. A key need not
  // be a whole path: Path::SubtreeEnd() is how a subtree is skipped.
  virtual void Seek(std::string_view key) = 0;
  // REQUIRES: Valid().
  virtual void Next() = 0;
  // False at the end, and after an error: look at status().
  virtual bool Valid() const = 0;
  // The key of the path. Valid until the cursor moves.
  virtual std::string_view key() const = 0;
  // The own value: a leaf, or {} for an empty map. DATA_LOSS / CORRUPT if the
  // stored bytes are damaged.
  virtual absl::StatusOr<Value> value() const = 0;
  // OK, or what ended the walk.
  virtual absl::Status status() const = 0;
};

// How much of a subtree to read.
struct ReadLimits {
  // Levels below the path; deeper maps are cut to {}. 0 is everything.
  size_t depth = 0;
  // Stop when the result would be larger than this.
  size_t max_bytes = SIZE_MAX;
  size_t max_own_values = SIZE_MAX;
};

// What a read found.
struct ReadResult {
  Tree tree;
  // `depth` cut something off.
  bool truncated = false;
  // The byte or value limit was passed: `tree` is part of the subtree and must
  // not be taken for it.
  bool over_limit = false;
};

// One node by itself.
struct NodeProbe {
  // Its own value: a leaf, {}, or nothing.
  Tree own;
  bool has_children = false;
  bool exists() const { return own.has_value() || has_children; }
};

// The state of a store at one moment; what is written later does not show.
// Thread-safe. Paths are relative to the store's root.
class Snapshot {
 public:
  virtual ~Snapshot() = default;

  // Looks at one node without reading what is below it.
  virtual absl::StatusOr<NodeProbe> Probe(const Path& path) const;
  // Reads a subtree. Absent is `tree` without a value, not an error.
  virtual absl::StatusOr<ReadResult> Read(const Path& path,
                                          const ReadLimits& limits) const;
  // Over the whole snapshot, not positioned yet.
  virtual std::unique_ptr<Cursor> NewCursor() const = 0;
};

// One absolute change: replaying it does no harm.
struct Write {
  enum class Scope {
    // The path reads `value` and nothing else.
    kSubtree,
    // Only the own value becomes `value`; children stay.
    kOwnValue,
  };
  Path path;
  Scope scope = Scope::kSubtree;
  Tree value;
  // The commit that did it.
  Revision revision = 0;
  // For kSubtree: what the snapshot before the batch read at `path`, if known.
  // Lets a store that keeps leaves touch only those that differ. A hint: a
  // replay has none.
  std::optional<Tree> before;
};

// Where the state below one mount point lives.
//
// Thread-compatible: the sequencer alone calls Apply and TakeSnapshot;
// snapshots are read from anywhere.
class Backend {
 public:
  virtual ~Backend() = default;

  // "memory", "rocksdb": what the configuration calls it.
  virtual std::string_view kind() const = 0;
  // Whether what it holds is there after a restart. Volatile mounts are reset
  // by a commit at start.
  virtual bool durable() const = 0;

  // Whether it can hold this write: asked before a commit is sequenced.
  // FAILED_PRECONDITION / NOT_STORABLE, naming the path and the reason.
  virtual absl::Status CanStore(const Write& write) const {
    return absl::OkStatus();
  }

  // The number under which the commit store keeps this backend's tree, if it
  // does: then the tree is written by CommitStore::Commit, atomically with the
  // commit itself, and Apply is never called.
  virtual std::optional<uint32_t> commit_store_mount() const {
    return std::nullopt;
  }

  // Applies a batch in order; `revision` is the last commit in it. All of it is
  // applied, or an error is returned and none of it shows. Called with batches
  // in revision order.
  virtual absl::Status Apply(absl::Span<const Write> writes,
                             Revision revision) = 0;

  // The revision of the last batch applied.
  virtual Revision applied_revision() const = 0;

  // What has been applied so far.
  virtual absl::StatusOr<std::shared_ptr<const Snapshot>> TakeSnapshot() = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_BACKEND_H_
