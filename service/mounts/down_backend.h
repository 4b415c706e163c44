#ifndef RESTATE_SERVICE_MOUNTS_DOWN_BACKEND_H_
#define RESTATE_SERVICE_MOUNTS_DOWN_BACKEND_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/backend/backend.h"
#include "engine/path/path.h"

namespace restate {

// Stands where a durable backend could not be opened when the server started,
// so that the rest of the tree is served: everything at the place is UNAVAILABLE
// / MOUNT_UNAVAILABLE, with the reason. What was decided for the backend and is
// not in it stays in the journal. It never comes up: once the reason is gone,
// the mount is made again, or the server started again.
//
// Thread-safe.
class DownBackend : public Backend {
 public:
  // `kind` is what the backend would be.
  DownBackend(std::string kind, const Path& at, const absl::Status& why);

  std::string_view kind() const override { return kind_; }
  bool durable() const override { return true; }
  absl::Status CanStore(const Write& write) const override { return why_; }
  absl::Status Apply(absl::Span<const Write> writes,
                     Revision revision) override {
    return why_;
  }
  Revision applied_revision() const override { return 0; }
  absl::StatusOr<std::shared_ptr<const Snapshot>> TakeSnapshot() override {
    return why_;
  }
  // One problem: why.
  BackendHealth Health() const override;

 private:
  const std::string kind_;
  const absl::Status why_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_MOUNTS_DOWN_BACKEND_H_
