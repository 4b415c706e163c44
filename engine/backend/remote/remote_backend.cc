#include "engine/backend/remote/remote_backend.h"

#include <pthread.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/backend/remote/remote_snapshot.h"
#include "engine/backend/remote/storable.h"

namespace restate {

RemoteBackend::RemoteBackend(std::unique_ptr<RemoteStore> store,
                             RemoteBackendOptions options)
    : link_(std::make_shared<RemoteLink>(std::move(store), options)),
      interval_down_(options.probe_interval_down),
      interval_up_(options.probe_interval_up) {
  (void)link_->Refresh();
  probe_ = std::thread([this] { ProbeLoop(); });
}

RemoteBackend::~RemoteBackend() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  stop_.NotifyOne();
  link_->Close();
  probe_.join();
}

void RemoteBackend::ProbeLoop() {
  pthread_setname_np(pthread_self(), "restate-remote");
  absl::Time last = absl::Now();
  while (true) {
    {
      MutexLock lock(&mutex_);
      while (!stopping_) {
        // A store that has just gone down is looked at as often as one that is.
        const bool up =
            link_->Health().state == BackendHealth::State::kUp;
        const absl::Duration left =
            last + (up ? interval_up_ : interval_down_) - absl::Now();
        if (left <= absl::ZeroDuration()) break;
        stop_.WaitFor(&mutex_, std::min(left, interval_down_));
      }
      if (stopping_) return;
    }
    (void)link_->Refresh();
    last = absl::Now();
  }
}

absl::Status RemoteBackend::CanStore(const Write& write) const {
  const std::optional<StoreInfo> info = link_->info();
  if (!info.has_value()) return link_->Usable();
  return CheckStorable(write, info->limits);
}

absl::Status RemoteBackend::Apply(absl::Span<const Write> writes,
                                  Revision revision) {
  return link_->Apply(writes, revision);
}

Revision RemoteBackend::applied_revision() const {
  return link_->applied_revision();
}

absl::StatusOr<std::shared_ptr<const Snapshot>> RemoteBackend::TakeSnapshot() {
  absl::Status usable = link_->Usable();
  if (!usable.ok()) return usable;
  return std::make_shared<const RemoteSnapshot>(link_);
}

std::string RemoteBackend::content_mark() const {
  const std::optional<StoreInfo> info = link_->info();
  if (!info.has_value()) return "";
  return absl::StrCat(info->version.revision, " ", info->version.writer, " ",
                      info->store_id);
}

BackendSize RemoteBackend::Size() const {
  const std::optional<StoreInfo> info = link_->info();
  return info.has_value() ? info->size : BackendSize();
}

}  // namespace restate
