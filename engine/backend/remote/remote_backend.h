#ifndef RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_BACKEND_H_
#define RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_BACKEND_H_

#include <memory>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/backend/backend.h"
#include "engine/backend/remote/remote_link.h"
#include "engine/backend/remote/remote_store.h"
#include "engine/sync/mutex.h"
#include "engine/threads/job_pool.h"

namespace restate {

struct RemoteBackendOptions : RemoteLinkOptions {
  // How often a store that is down is asked whether it is back, and one that
  // is up whether it still is.
  absl::Duration probe_interval_down = absl::Seconds(1);
  absl::Duration probe_interval_up = absl::Seconds(5);
  // Required; outlives the backend.
  JobPool* jobs = nullptr;
  // How long opening waits for the first answer; the store is down until it
  // comes. Zero: it does not wait; see AwaitFirstContact.
  absl::Duration first_contact = absl::Seconds(5);
};

// State kept by a store somewhere else, in any language: durable, kept apart,
// slow, and without snapshots. Whether the store can be reached, and whether it
// is still the one it was, is watched by a job that waits for no answer: a store
// that gives none costs no thread.
//
// While the store is down, everything is UNAVAILABLE / MOUNT_UNAVAILABLE at
// once, and Health() says kDown, why, and where.
//
// A batch of Apply that is too large for one call is applied in several: in
// between, readers of the store see a part of it. restate's own readers do not,
// because what is not applied lies over the store until all of it is.
class RemoteBackend : public Backend {
 public:
  // Asks the store how it is; if it is down, the mount is, until it comes.
  RemoteBackend(std::unique_ptr<RemoteStore> store,
                RemoteBackendOptions options);
  // Ends calls that are under way.
  ~RemoteBackend() override;

  std::string_view kind() const override { return "remote"; }
  bool durable() const override { return true; }
  // By what the store last said; UNAVAILABLE / MOUNT_UNAVAILABLE if it was
  // never reached.
  absl::Status CanStore(const Write& write) const override;
  bool slow() const override { return true; }
  bool keeps_snapshots() const override { return false; }
  // At the longest until RemoteBackendOptions::first_contact after it was
  // opened; 5 s if that is zero.
  void AwaitFirstContact() override;
  // Errors as RemoteLink::Apply.
  absl::Status Apply(absl::Span<const Write> writes,
                     Revision revision) override;
  // 0 as long as the store was never reached; Apply leaves out what it has.
  Revision applied_revision() const override;
  absl::StatusOr<std::shared_ptr<const Snapshot>> TakeSnapshot() override;
  BackendHealth Health() const override { return link_->Health(); }
  BackendSize Size() const override;
  // Which store, and its version; empty if it was never reached.
  std::string content_mark() const override;
  // Whether another writer was the last when the store was first reached.
  bool edited_while_closed() const override {
    return link_->found_other_writer();
  }

 private:
  // The job: asks when it is time, and gives how long it is until then.
  absl::Duration Probe();
  void Answered();

  const std::shared_ptr<RemoteLink> link_;
  const absl::Duration interval_down_;
  const absl::Duration interval_up_;
  // By the monotonic clock: until when the first answer is waited for.
  const absl::Duration first_contact_end_;

  Mutex mutex_;
  CondVar answered_;
  // Whether the store is asked and has not answered yet.
  bool asking_ ABSL_GUARDED_BY(mutex_) = false;
  bool ever_answered_ ABSL_GUARDED_BY(mutex_) = false;
  // By the monotonic clock: when it was last answered.
  absl::Duration last_ ABSL_GUARDED_BY(mutex_);
  const std::shared_ptr<Job> probe_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_BACKEND_H_
