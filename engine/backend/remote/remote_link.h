#ifndef RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_LINK_H_
#define RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_LINK_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/backend/backend.h"
#include "engine/backend/remote/remote_store.h"
#include "engine/path/path.h"
#include "engine/sync/mutex.h"

namespace restate {

// Who uses the store, and what it must be.
struct RemoteLinkOptions {
  // Where the store is mounted, for messages and for the limits of paths.
  Path mount;
  // Names this server and this mount of it: what the store notes as its
  // writer. Not empty; never the same for two that write at the same time.
  std::string writer;
  // The last revision that the writer can have sent before now. A store that
  // is further has another writer of the same name.
  Revision last_revision = INT64_MAX;
  // If not empty, only this store will do.
  std::string store_id;
  // About the most that one call of Apply carries: what a slow store does well
  // within the deadline, and gRPC servers take by default (4 MiB).
  size_t max_apply_bytes = size_t{1} << 20;
  // Called when the health has become another, from any thread and with no
  // lock held.
  std::function<void(const BackendHealth&)> health_changed;
};

// One mount's relation to its store: whether it can be reached, which store it
// is, how far it has got. The backend, its probe and the snapshots share it.
//
// A store is *down* after a call that found it unreachable, until Refresh
// reaches it again; calls fail at once while it is. It is *wrong*, which is
// down too, if it is not the store that it was, or if somebody else has written
// to it: that is looked at by every Refresh, and is over when it is.
//
// Thread-safe, but for Apply, which is called by one thread at a time. The lock
// is never held during a call.
class RemoteLink {
 public:
  RemoteLink(std::unique_ptr<RemoteStore> store, RemoteLinkOptions options);

  // Asks the store how it is. The state afterwards: OK, or why it is down.
  absl::Status Refresh();
  // The same without waiting; calls `done`, on any thread, when the state is
  // known. The link is not used any more by then.
  void StartRefresh(std::function<void()> done);

  // OK, or why it cannot be used: UNAVAILABLE / MOUNT_UNAVAILABLE, naming the
  // address, not the mount.
  absl::Status Usable() const;
  BackendHealth Health() const;

  // A page that has been checked. Errors name the mount and the address:
  // UNAVAILABLE / MOUNT_UNAVAILABLE, DATA_LOSS / CORRUPT for an answer that
  // cannot be right; others as the store gives them.
  absl::StatusOr<ScanPage> Scan(const ScanRange& range);

  // As Backend::Apply, but that a batch which takes several calls is there in
  // part between them. Writes that the store has already are left out.
  // UNAVAILABLE / MOUNT_UNAVAILABLE; FAILED_PRECONDITION / WRONG_STORE; else
  // what the store refused it with.
  absl::Status Apply(absl::Span<const Write> writes, Revision revision);

  // The last commit of this writer that the store holds, as far as is known.
  Revision applied_revision() const;
  // As Backend::edited_while_closed.
  bool found_other_writer() const;
  // What the store said last; nullopt if it was never reached.
  std::optional<StoreInfo> info() const;

  const Path& mount() const { return options_.mount; }
  // Ends what is under way; every later call is UNAVAILABLE.
  void Close() { store_->Close(); }

 private:
  // What is known of the store's version when a call of GetInfo begins: what it
  // tells is at or after this.
  struct Expected {
    std::optional<StoreVersion> at_least;
  };

  // Why `info` is not of the store that is expected here; OK if it is.
  absl::Status CheckIdentity(const StoreInfo& info,
                             const Expected& expected) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes over what the store has said of itself.
  void TakeInfo(const Expected& expected, absl::StatusOr<StoreInfo> info);
  // Takes over the outcome of a call: OK, or what was wrong with it.
  void SetState(absl::Status state);
  // The error of a call that failed, for whoever asked for it; notes that the
  // store is down.
  absl::Status Failed(const absl::Status& error);
  absl::Status Named(const absl::Status& error) const;
  // What Apply answers while the store cannot be used.
  absl::Status DownError() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Sends the parts of one batch.
  absl::Status Send(const StoreVersion& from, const StoreVersion& to,
                    absl::Span<const Write> writes,
                    const std::string& store_id);

  const std::unique_ptr<RemoteStore> store_;
  const RemoteLinkOptions options_;

  mutable Mutex mutex_;
  // OK, or why the store cannot be used.
  absl::Status state_ ABSL_GUARDED_BY(mutex_);
  std::optional<StoreInfo> info_ ABSL_GUARDED_BY(mutex_);
  // Of the first store that was reached, or the one asked for.
  std::string store_id_ ABSL_GUARDED_BY(mutex_);
  // The last version known; none before the first contact.
  std::optional<StoreVersion> version_ ABSL_GUARDED_BY(mutex_);
  // The last revision sent, whether or not it arrived.
  Revision sent_ ABSL_GUARDED_BY(mutex_) = 0;
  bool found_other_writer_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_LINK_H_
