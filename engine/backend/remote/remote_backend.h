#ifndef RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_BACKEND_H_
#define RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_BACKEND_H_

#include <memory>
#include <string_view>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/backend/backend.h"
#include "engine/backend/remote/remote_link.h"
#include "engine/backend/remote/remote_store.h"
#include "engine/sync/mutex.h"

namespace restate {

struct RemoteBackendOptions : RemoteLinkOptions {
  // How often a store that is down is asked whether it is back, and one that
  // is up whether it still is.
  absl::Duration probe_interval_down = absl::Seconds(1);
  absl::Duration probe_interval_up = absl::Seconds(5);
};

// State kept by a store somewhere else, in any language: durable, kept apart,
// slow, and without snapshots. Whether the store can be reached, and whether it
// is still the one it was, is watched by a thread of its own.
//
// While the store is down, everything is UNAVAILABLE / MOUNT_UNAVAILABLE at
// once, and Health() says kDown, why, and where.
//
// A batch of Apply that is too large for one call is applied in several: in
// between, readers of the store see a part of it. restate's own readers do not,
// because what is not applied lies over the store until all of it is.
class RemoteBackend : public Backend {
 public:
  // Asks the store how it is, once; if it is down, the mount is, until it
  // comes.
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
  void ProbeLoop();

  const std::shared_ptr<RemoteLink> link_;
  const absl::Duration interval_down_;
  const absl::Duration interval_up_;

  Mutex mutex_;
  CondVar stop_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Last, so that it starts when the rest is there.
  std::thread probe_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_BACKEND_H_
