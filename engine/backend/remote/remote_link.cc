#include "engine/backend/remote/remote_link.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/remote/page_check.h"
#include "engine/backend/remote/write_parts.h"
#include "engine/crash/crash_point.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"

namespace restate {
namespace {

std::string Show(const StoreVersion& version) {
  if (version.writer.empty()) return "nobody has written to it";
  return absl::StrCat("writer \"", version.writer, "\", revision ",
                      version.revision);
}

absl::Status WrongStore(const std::string& what) {
  return MakeError(Reason::kWrongStore, what);
}

}  // namespace

RemoteLink::RemoteLink(std::unique_ptr<RemoteStore> store,
                       RemoteLinkOptions options)
    : store_(std::move(store)),
      options_(std::move(options)),
      state_(absl::UnavailableError("it has not been reached yet")),
      store_id_(options_.store_id) {}

absl::Status RemoteLink::CheckIdentity(const StoreInfo& info,
                                       const Expected& expected) const {
  if (info.store_id.empty()) {
    return WrongStore("it gives no store_id, which every store must have");
  }
  if (!store_id_.empty() && info.store_id != store_id_) {
    return WrongStore(absl::StrCat(
        "it is another store than before: ", info.store_id, " in place of ",
        store_id_, "; bring the old one back, or unmount and mount again"));
  }
  const StoreVersion& found = info.version;
  const Revision furthest = std::max(
      sent_, expected.at_least.has_value() ? sent_ : options_.last_revision);
  if (found.writer == options_.writer && found.revision > furthest) {
    return WrongStore(absl::StrCat(
        "somebody else writes to it under this server's name: it is at "
        "revision ", found.revision, ", and ", furthest, " is the last that "
        "was sent"));
  }
  if (!expected.at_least.has_value() || found == *expected.at_least) {
    return absl::OkStatus();
  }
  if (found.writer != options_.writer) {
    return WrongStore(absl::StrCat(
        "somebody else writes to it: ", Show(found), "; before, ",
        Show(*expected.at_least),
        "; let one server alone write to a store, and mount it again"));
  }
  if (expected.at_least->writer == options_.writer &&
      found.revision < expected.at_least->revision) {
    return WrongStore(absl::StrCat(
        "it went back from revision ", expected.at_least->revision, " to ",
        found.revision, ", as if an old copy had been put in its place; "
        "unmount and mount again to go on with what it has now"));
  }
  return absl::OkStatus();
}

absl::Status RemoteLink::Refresh() {
  Expected expected;
  {
    MutexLock lock(&mutex_);
    expected.at_least = version_;
  }
  TakeInfo(expected, store_->GetInfo());
  return Usable();
}

void RemoteLink::StartRefresh(std::function<void()> done) {
  Expected expected;
  {
    MutexLock lock(&mutex_);
    expected.at_least = version_;
  }
  store_->StartGetInfo([this, expected = std::move(expected),
                        done = std::move(done)](
                           absl::StatusOr<StoreInfo> info) {
    TakeInfo(expected, std::move(info));
    done();
  });
}

void RemoteLink::TakeInfo(const Expected& expected,
                          absl::StatusOr<StoreInfo> info) {
  if (!info.ok()) {
    SetState(info.status());
    return;
  }
  absl::Status identity;
  {
    MutexLock lock(&mutex_);
    identity = CheckIdentity(*info, expected);
    if (identity.ok()) {
      store_id_ = info->store_id;
      if (!version_.has_value()) {
        found_other_writer_ = !info->version.writer.empty() &&
                              info->version.writer != options_.writer;
      }
      // A call of Apply may have come further meanwhile.
      if (version_ == expected.at_least) version_ = info->version;
      if (info->version.writer == options_.writer) {
        sent_ = std::max(sent_, info->version.revision);
      }
      info_ = *std::move(info);
    }
  }
  SetState(std::move(identity));
}

void RemoteLink::SetState(absl::Status state) {
  bool changed = false;
  {
    MutexLock lock(&mutex_);
    changed = state_.code() != state.code() ||
              state_.message() != state.message();
    state_ = std::move(state);
  }
  if (changed && options_.health_changed) options_.health_changed(Health());
}

absl::Status RemoteLink::Usable() const {
  MutexLock lock(&mutex_);
  if (state_.ok()) return absl::OkStatus();
  return MakeError(Reason::kMountUnavailable,
                   absl::StrCat("the store at ", store_->address(), ": ",
                                state_.message()),
                   {{"mount", options_.mount.ToText()},
                    {"address", store_->address()}});
}

BackendHealth RemoteLink::Health() const {
  const absl::Status usable = Usable();
  if (usable.ok()) return {};
  return {BackendHealth::State::kDown, {std::string(usable.message())}};
}

absl::Status RemoteLink::Named(const absl::Status& error) const {
  return Annotate(error,
                  absl::StrCat("the remote mount at ", options_.mount.ToText(),
                               ", the store at ", store_->address(), ": "),
                  {{"mount", options_.mount.ToText()},
                   {"address", store_->address()}});
}

absl::Status RemoteLink::DownError() const {
  // Somebody else's writes do not go away by waiting.
  if (ErrorReason(state_) == ReasonName(Reason::kWrongStore)) {
    return Named(state_);
  }
  return Named(
      MakeError(Reason::kMountUnavailable, StdView(state_.message())));
}

absl::Status RemoteLink::Failed(const absl::Status& error) {
  if (error.code() != absl::StatusCode::kUnavailable) return Named(error);
  SetState(error);
  return Named(
      MakeError(Reason::kMountUnavailable, StdView(error.message())));
}

absl::StatusOr<ScanPage> RemoteLink::Scan(const ScanRange& range) {
  std::string store_id;
  absl::Status state;
  {
    MutexLock lock(&mutex_);
    store_id = store_id_;
    state = state_;
  }
  if (!state.ok()) {
    return Named(MakeError(Reason::kMountUnavailable,
                           StdView(state.message())));
  }
  absl::StatusOr<ScanPage> page = store_->Scan(store_id, range);
  if (!page.ok()) return Failed(page.status());
  absl::Status right = CheckPage(*page, range, options_.mount);
  if (!right.ok()) return Named(right);
  return page;
}

absl::Status RemoteLink::Apply(absl::Span<const Write> writes,
                               Revision revision) {
  // Whatever a call that did not end has done since, it is for the store to
  // tell: an answer to it may still be on its way.
  while (true) {
    StoreVersion from;
    std::string store_id;
    {
      MutexLock lock(&mutex_);
      if (!state_.ok()) return DownError();
      from = *version_;
      store_id = store_id_;
      if (from.writer == options_.writer && from.revision >= revision) {
        return absl::OkStatus();
      }
      sent_ = std::max(sent_, revision);
    }
    const StoreVersion to{options_.writer, revision};
    const absl::Status sent = Send(from, to, writes, store_id);
    if (sent.ok()) {
      MutexLock lock(&mutex_);
      version_ = to;
      return absl::OkStatus();
    }
    if (sent.code() != absl::StatusCode::kFailedPrecondition) {
      return Failed(sent);
    }
    // Refused; because an earlier call came through after all?
    const absl::Status now = Refresh();
    MutexLock lock(&mutex_);
    if (!now.ok()) return DownError();
    if (version_ == from) return Named(sent);
  }
}

absl::Status RemoteLink::Send(const StoreVersion& from, const StoreVersion& to,
                              absl::Span<const Write> writes,
                              const std::string& store_id) {
  std::vector<Write> missing;
  for (const Write& write : writes) {
    const bool there = from.writer == to.writer && write.revision > 0 &&
                       write.revision <= from.revision;
    if (!there) missing.push_back(write);
  }
  std::vector<std::vector<Write>> parts =
      CutIntoParts(missing, options_.max_apply_bytes);
  for (size_t i = 0; i < parts.size(); ++i) {
    StoreBatch batch;
    batch.from = from;
    batch.to = to;
    batch.writes = std::move(parts[i]);
    batch.more = i + 1 < parts.size();
    absl::Status status = store_->Apply(store_id, batch);
    if (!status.ok()) return status;
    if (batch.more) ReachCrashPoint(CrashPoint::kApplying);
  }
  return absl::OkStatus();
}

Revision RemoteLink::applied_revision() const {
  MutexLock lock(&mutex_);
  return version_.has_value() && version_->writer == options_.writer
             ? version_->revision
             : 0;
}

bool RemoteLink::found_other_writer() const {
  MutexLock lock(&mutex_);
  return found_other_writer_;
}

std::optional<StoreInfo> RemoteLink::info() const {
  MutexLock lock(&mutex_);
  return info_;
}

}  // namespace restate
