#ifndef RESTATE_ENGINE_BACKEND_COMMIT_STORE_H_
#define RESTATE_ENGINE_BACKEND_COMMIT_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/backend/backend.h"
#include "engine/backend/history_log.h"
#include "engine/path/path.h"
#include "engine/request/request_identity.h"

namespace restate {

// What a lease lasts as long as: whichever of the two ends first. At least one
// is set.
struct LeaseTerms {
  // The session that the path is bound to; empty if to none.
  std::string session_id;
  // How long it lasts, in whole milliseconds; zero if it does not end by
  // itself.
  absl::Duration ttl;
  bool operator==(const LeaseTerms&) const = default;
};

// A path that goes by itself.
struct Lease {
  Path path;
  LeaseTerms terms;
};

// A lease that begins or, without terms, ends.
struct LeaseChange {
  Path path;
  std::optional<LeaseTerms> terms;
};

// A request that was answered.
struct StoredRequest {
  // Its place among all of them: one more than the one before it.
  uint64_t sequence = 0;
  RequestIdentity identity;
  // When it was answered.
  absl::Time time;
  // As engine/request/answer_codec.h makes it.
  std::string answer;
};

// What a batch does to the answered requests.
struct RequestChanges {
  // In order.
  std::vector<StoredRequest> answered;
  // Those from the first sequence to before the second are forgotten; there are
  // none before. Equal: nothing is.
  uint64_t forget_from = 0;
  uint64_t forget_before = 0;
};

// What the store knows of the past when it is opened.
struct CommitStoreState {
  // The epoch that the revisions belong to; made when the store was created.
  std::string epoch;
  // The last commit that is in the store.
  Revision last_committed = 0;
  // No revision above this one was ever given out. After a clean stop it is the
  // last one given out; else the end of the block reserved at the time.
  Revision reserved = 0;
  // Whether there was a store to open, rather than one made just now.
  bool existed = false;
  // In path order.
  std::vector<Lease> leases;
  // By key.
  std::map<std::string, std::string> records;
};

// The writes of one batch to one of the store's own trees.
struct MountWrites {
  // Backend::commit_store_mount() of the mount.
  uint32_t mount = 0;
  std::vector<Write> writes;
};

// A small record that is there exactly if the batch that wrote it is: what is
// mounted, what is derived, how far an export is. The key says whose it is
// ("mount/...", "derivation/..."). Without a value it goes.
struct RecordChange {
  std::string key;
  std::optional<std::string> value;
};

// The record of what was lost when the epoch began, by an operator's leave. Lines:
// the time (RFC 3339), what was damaged, where the damaged files are, and then
// each loss.
inline constexpr std::string_view kLossesRecord = "epoch/losses";

// What a mount that is kept apart has applied, and does not need again.
struct JournalRelease {
  // As in MountWrites.
  uint32_t mount = 0;
  // Its writes up to this commit,
  Revision through = 0;
  // except these, which are all of them that stay: each of a commit up to that
  // one.
  std::vector<Write> left = {};
  // Means nothing to the store.
  uint64_t version = 0;
};

// A batch of commits, decided together.
struct CommitBatch {
  // The last commit in it; unchanged if it only reserves.
  Revision last_committed = 0;
  // The new end of the reserved block; never decreases.
  Revision reserved = 0;
  std::vector<MountWrites> mounts;
  HistoryChanges history;
  std::vector<LeaseChange> leases;
  RequestChanges requests;
  // In order: a later one for the same key wins.
  std::vector<RecordChange> records;
  // Writes to mounts that are kept apart, to be applied there; by a number that
  // the sequencer gives each of these mounts. Write::before is not kept.
  std::vector<MountWrites> journal;
  std::vector<JournalRelease> journal_releases;
  // Whether to wait until the batch is on the disk. Otherwise a power cut may
  // lose it, but none that came before, and no later durable batch without it.
  bool durable = true;
};

// The durable store whose atomic batch decides a commit: after a crash, a batch
// is there whole or not at all, and everything answered before it is there.
//
// Called by the sequencer alone; snapshots of its trees are read from anywhere.
class CommitStore {
 public:
  virtual ~CommitStore() = default;

  // As found when it was opened, or opened again.
  virtual const CommitStoreState& state() const = 0;

  // Makes the batch durable (fsync'd, if the batch asks for it) and visible to
  // later snapshots. After an error it is unknown whether the batch is in the
  // store, and the store takes no more until Reopen.
  virtual absl::Status Commit(const CommitBatch& batch) = 0;

  // Changes the history alone, in one atomic step and without waiting for the
  // disk. Errors as Commit.
  virtual absl::Status WriteHistory(const HistoryChanges& changes) = 0;

  // What is in the history.
  virtual std::shared_ptr<const HistoryLog> history() const = 0;

  // Gives every answered request that is kept, in order. DATA_LOSS / CORRUPT if
  // one is damaged; UNAVAILABLE.
  virtual absl::Status ReadRequests(
      absl::FunctionRef<void(StoredRequest)> take) const = 0;

  // Gives the writes in the journal for one mount, in the order in which they
  // were decided. DATA_LOSS / CORRUPT if one is damaged; UNAVAILABLE.
  virtual absl::Status ReadJournal(
      uint32_t mount, absl::FunctionRef<void(Write)> take) const = 0;

  // After a failed Commit: OK if it may be opened again now; UNAVAILABLE if it is
  // known that it could not, for want of room on the disk. Until Reopen is called
  // what was there before that Commit can be read, by snapshots that are there and
  // in the history.
  virtual absl::Status CanReopen() const { return absl::OkStatus(); }

  // Opens the store again after a failed Commit; then state() tells whether the
  // batch survived. Every snapshot of the store must have been let go of, which
  // it waits for, within bounds. UNAVAILABLE if it cannot be opened now: try
  // again; DATA_LOSS if it is damaged.
  virtual absl::Status Reopen() = 0;

  // Records that revisions end at `last_given` and stops taking batches.
  virtual absl::Status Close(Revision last_given) = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_COMMIT_STORE_H_
