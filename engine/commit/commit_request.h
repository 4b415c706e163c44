#ifndef RESTATE_ENGINE_COMMIT_COMMIT_REQUEST_H_
#define RESTATE_ENGINE_COMMIT_COMMIT_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/backend/backend.h"
#include "engine/backend/commit_store.h"
#include "engine/client/client_id.h"
#include "engine/derivation/definition.h"
#include "engine/derivation/view.h"
#include "engine/path/path.h"
#include "engine/request/request_identity.h"
#include "engine/value/value.h"

namespace restate {

class LongCalls;
class RememberedReads;

// How a write treats what is there: restate.v1.WriteMode, where each is
// described.
enum class WriteMode { kSet, kValue, kMerge, kIfAbsent, kAdd, kAppend };

// What counts as unchanged.
struct Equality {
  enum class Kind {
    kEqual,
    kAlwaysWrite,
    // Both exist and are equal at each of `fields`.
    kFields,
    // `lua`, a function of `old` and `new`, says so.
    kLua,
  };
  Kind kind = Kind::kEqual;
  // Relative to the path written.
  std::vector<Path> fields;
  std::string lua;
};

// A write of one path.
struct SetOperation {
  Path path;
  // As the client gave it: canonical (tree::Canonicalize), except for MERGE,
  // whose nulls and "/" keys mean what WriteMode says.
  Value value;
  WriteMode mode = WriteMode::kSet;
  Equality equality;
  // Stands for an absent previous value.
  Tree default_value;
  Tree payload;
  bool skip_notify = false;
  // MERGE: whether a null under "/" takes {} away too. To clients {} is no own
  // value; to stores it is.
  bool removes_empty_map = false;
  // If not empty: the session that the path is bound to (presence).
  std::string session_id;
  // If not zero: the path goes after this time, in whole milliseconds. With a
  // session too, whichever ends first.
  absl::Duration ttl;
};

// A deletion of a subtree.
struct DeleteOperation {
  Path path;
  Tree payload;
  bool skip_notify = false;
};

// Events without a write.
struct PingOperation {
  Path path;
  Tree payload;
};

using Operation = std::variant<SetOperation, DeleteOperation, PingOperation>;

// Conditions, judged against the state before the commit's operations.
struct UnchangedSince {
  Path path;
  Revision revision = 0;
  View view = View::kAll;
};
struct Exists {
  Path path;
  bool exists = true;
};
struct Equals {
  Path path;
  Value value;
};
using Precondition = std::variant<UnchangedSince, Exists, Equals>;

// The end of leases, instead of a client's operations: what they are on is
// deleted, with origin EXPIRED. Up to a bound, so that writers do not wait for
// all of them: ask again as long as there is a result of an operation.
struct LeaseExpiry {
  enum class Of {
    // Those bound to any session.
    kAllSessions,
    // Those bound to `session_id`.
    kSession,
    // Those whose time is over.
    kOverdue,
  };
  Of of = Of::kAllSessions;
  std::string session_id;
};

// Who caused a commit.
// kDerivation: what was put off is computed again.
enum class CommitOrigin { kClient, kMount, kExpired, kFile, kDerivation };

// Of commits that come one after the other, such as those of one stream.
struct CommitOrder {
  // How many of them are set aside: those that follow must be, too. The
  // sequencer's own.
  size_t aside = 0;
  // How many of them wait in the queue: among the large ones, where those that
  // follow must wait, too, and before that. The queue's own.
  size_t behind_large = 0;
  size_t before_large = 0;
};

// A transaction: all or nothing, one revision.
struct CommitRequest {
  // If set, the operations are made from it when the commit is sequenced.
  std::optional<LeaseExpiry> expiry;
  // If set, a success is remembered and answered again.
  std::optional<RequestIdentity> identity;
  std::vector<Precondition> preconditions;
  std::vector<Operation> operations;
  // Written with the commit, in one step, also if it changes nothing else; not
  // if it is refused.
  std::vector<RecordChange> records;
  // What it does to derivations, after its operations.
  std::optional<DerivationChange> derivation;
  // Who it is from, for the events.
  CommitOrigin origin = CommitOrigin::kClient;
  // Of kClient: which one; nobody if it is the server's own doing.
  ClientId client;
  // Of kFile: the mount whose files were edited. Operations on what it does not
  // serve are left out.
  Path edited_mount;
  // Whether it may write what is exported: only the one who mounted it may.
  bool may_write_exports = false;
  // What it needs of slow mounts, once that has been read; and how often it was.
  std::shared_ptr<const RememberedReads> read_ahead;
  int read_attempts = 0;
  // Others are held back until it is answered (ReadAhead).
  bool holds_stores = false;
  // If not empty: the tracked run that writes, which is not run again because of
  // this.
  std::string run_id;
  // Whether the answer waits for hosted transforms (Controller::Commit).
  bool wait_derived = false;
  // Answer before the fsync.
  bool relaxed = false;
  // Whether commits that were submitted later may be sequenced before it, but for
  // those of the same `order`: true only where nobody was promised another order.
  bool may_be_set_aside = false;
  // Those with the same one are sequenced as they were submitted. Null: no order.
  std::shared_ptr<CommitOrder> order;
  // What was made, or is to be, of calls that take long, while it is set aside.
  std::shared_ptr<LongCalls> long_calls;
  // Since when it is set aside, of the monotonic clock.
  std::optional<absl::Duration> aside_since;
  // If not empty, must be the server's epoch.
  std::string epoch;
  // What the request takes in the queue; the adapter passes the size of the
  // message.
  size_t bytes = 0;
};

// What one operation did.
struct OperationResult {
  // Set: whether anything was written. Delete: whether there was anything.
  // Ping: true.
  bool changed = false;
  // IF_ABSENT: the value that is there. ADD, APPEND: the new own value.
  Tree value;
};

// A hosted destination that has not reached a commit:
// restate.v1.PendingDestination.
struct PendingDestination {
  enum class Why { kNoHost, kFailed, kSlow };
  Path dest;
  Why why = Why::kSlow;
  std::string message;
};

// What a transaction did.
struct CommitResult {
  // The commit; if nothing changed, the revision it was judged at.
  Revision revision = 0;
  // Whether it has a revision of its own.
  bool changed = false;
  std::vector<OperationResult> results;
  // What an earlier request with the same identity did: this one did nothing.
  bool replayed = false;
  // With wait_derived: where the last hosted destination was computed that was
  // waited for, 0 if none was; and those that were not.
  Revision derived_revision = 0;
  std::vector<PendingDestination> pending;
};

// Called once with the outcome, on the sequencer's thread: must not block.
using CommitCallback = absl::AnyInvocable<void(absl::StatusOr<CommitResult>)>;

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_COMMIT_REQUEST_H_
