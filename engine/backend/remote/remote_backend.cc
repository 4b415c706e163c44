#include "engine/backend/remote/remote_backend.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/remote/remote_snapshot.h"
#include "engine/backend/remote/storable.h"
#include "engine/clock/clock.h"

namespace restate {
namespace {

constexpr absl::Duration kFirstContact = absl::Seconds(5);

}  // namespace

RemoteBackend::RemoteBackend(std::unique_ptr<RemoteStore> store,
                             RemoteBackendOptions options)
    : link_(std::make_shared<RemoteLink>(std::move(store), options)),
      interval_down_(options.probe_interval_down),
      interval_up_(options.probe_interval_up),
      first_contact_end_(SystemClock().Monotonic() +
                         (options.first_contact > absl::ZeroDuration()
                              ? options.first_contact
                              : kFirstContact)),
      probe_(options.jobs->Add([this] { return Probe(); })) {
  probe_->Wake();
  if (options.first_contact > absl::ZeroDuration()) AwaitFirstContact();
}

RemoteBackend::~RemoteBackend() {
  probe_->Stop();
  link_->Close();
  // What is asked uses this.
  MutexLock lock(&mutex_);
  while (asking_) answered_.Wait(&mutex_);
}

absl::Duration RemoteBackend::Probe() {
  {
    MutexLock lock(&mutex_);
    if (asking_) return absl::InfiniteDuration();
    if (ever_answered_) {
      // A store that has just gone down is looked at as often as one that is.
      const bool up = link_->Health().state == BackendHealth::State::kUp;
      const absl::Duration left = last_ +
                                  (up ? interval_up_ : interval_down_) -
                                  SystemClock().Monotonic();
      if (left > absl::ZeroDuration()) return std::min(left, interval_down_);
    }
    asking_ = true;
  }
  link_->StartRefresh([this] { Answered(); });
  return absl::InfiniteDuration();
}

void RemoteBackend::Answered() {
  // Its own, for this may be gone when the lock is free.
  const std::shared_ptr<Job> probe = probe_;
  {
    MutexLock lock(&mutex_);
    asking_ = false;
    ever_answered_ = true;
    last_ = SystemClock().Monotonic();
    answered_.NotifyAll();
  }
  probe->Wake();
}

void RemoteBackend::AwaitFirstContact() {
  const SystemClock clock;
  MutexLock lock(&mutex_);
  while (!ever_answered_) {
    const absl::Duration left = first_contact_end_ - clock.Monotonic();
    if (left <= absl::ZeroDuration()) return;
    answered_.WaitFor(&mutex_, left);
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
