#ifndef RESTATE_ENGINE_BACKEND_BACKEND_H_
#define RESTATE_ENGINE_BACKEND_BACKEND_H_

#include <cstddef>
#include <cstdint>
#include <functional>
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
  // Whether a walk that asks for no values takes a small part of the time that
  // one takes that does.
  virtual bool quick_without_values() const { return false; }
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
  // Over the own values at and below `within`, not positioned yet. A Seek to a
  // key before them goes to the first. What is elsewhere is not asked for: a
  // store that does not answer does no harm to a walk beside it.
  virtual std::unique_ptr<Cursor> NewCursor(const Path& within) const = 0;
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

// A decided write that was not applied when others of its batch were: of one
// path, and absolute.
struct LeftWrite {
  Write write;
  // What keeps it from the store, and what to do.
  absl::Status why;
};

// How a backend is.
struct BackendHealth {
  enum class State {
    kUp,
    // It works, but something in it is not as it should be: a file that does
    // not parse, a place that a file and a directory both give.
    kDegraded,
    // It cannot be reached: reads and writes fail. It may come back.
    kDown,
  };
  State state = State::kUp;
  // What is wrong, naming it and what to do; one line each.
  std::vector<std::string> problems;
};

// About how much a backend holds. Not set where it is not known.
struct BackendSize {
  std::optional<uint64_t> own_values;
  std::optional<uint64_t> bytes;
};

// Where the state below one mount point lives. There are three kinds:
//   - those that the commit store keeps (commit_store_mount()): their writes
//     are part of the batch that decides a commit;
//   - volatile ones (!durable()): Apply is called when the batch is decided,
//     before it is published;
//   - those kept apart: durable, and somewhere else. Their writes are recorded
//     with the batch and applied later, and again after a crash.
//
// Thread-compatible: Apply, TakeSnapshot and applied_revision are called by one
// thread at a time; the other functions and the snapshots are thread-safe.
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

  // Whether reading may take long, as over a network: then what a commit needs
  // is read before it is sequenced.
  virtual bool slow() const { return false; }

  // Whether a snapshot stays as it is when more is applied. Otherwise nothing
  // is applied while an older view of the tree is in use.
  virtual bool keeps_snapshots() const { return true; }
  // Waits, for a bounded time, until it is known how a store somewhere else is,
  // where opening did not wait for that.
  virtual void AwaitFirstContact() {}

  // Applies a batch in order; `revision` is the last commit in it. All of it is
  // applied, or an error is returned and none of it shows. Called with batches
  // in revision order; one that was applied before, in whole or in part, may
  // come again and does no harm. UNAVAILABLE: the same is tried again later.
  // Any other error is final: the backend can never hold this batch.
  virtual absl::Status Apply(absl::Span<const Write> writes,
                             Revision revision) = 0;

  // As Apply, but a path that cannot be applied keeps no other from it: its
  // writes are put into `left`, with what is there shown as it was. OK then; they
  // come again later, by themselves or with others. A store that takes batches
  // whole never leaves any.
  virtual absl::Status ApplyPossible(absl::Span<const Write> writes,
                                     Revision revision,
                                     std::vector<LeftWrite>* left) {
    return Apply(writes, revision);
  }

  // The revision of the last batch applied. Of a durable backend it is kept
  // with its data; 0 if there is none.
  virtual Revision applied_revision() const = 0;

  // What has been applied so far. UNAVAILABLE while it is down.
  virtual absl::StatusOr<std::shared_ptr<const Snapshot>> TakeSnapshot() = 0;

  virtual BackendHealth Health() const { return {}; }
  virtual BackendSize Size() const { return {}; }

  // Whether what it holds was changed by others since the last Apply, before
  // this process opened it.
  virtual bool edited_while_closed() const { return false; }
  // What it holds now, in so far as others can have changed it: the same as
  // long as nobody, Apply included, has changed anything. Empty if it cannot
  // tell. Whoever keeps it knows when it has heard of the same edits before.
  virtual std::string content_mark() const { return ""; }

  // Hears of changes that others make to what the backend holds: absolute
  // writes from what was last applied or heard of to what is there now. They
  // become a commit, whose part comes back by Apply. Called from a thread of
  // the backend's, with no lock held. The listener returns OK when the commit
  // has been queued; else the backend offers the changes again later.
  using EditListener = std::function<absl::Status(std::vector<Write> edits)>;
  // Begins to watch, or ends it with null: then no call is under way any more.
  virtual void WatchEdits(EditListener listener) {}
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_BACKEND_H_
