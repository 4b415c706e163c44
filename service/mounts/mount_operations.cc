#include "service/mounts/mount_operations.h"

#include <spdlog/spdlog.h>

#include <cstddef>
#include <future>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/sync/mutex.h"
#include "service/mounts/mount_adapter.h"

namespace restate {
namespace {

// Waits for several flushes. Thread-safe.
class Flushes {
 public:
  Flushes(size_t count, Revision revision, MountOperations::Done done)
      : revision_(revision), left_(count), done_(std::move(done)) {}

  // One of them has ended.
  void End(const absl::Status& status) {
    {
      MutexLock lock(&mutex_);
      if (status_.ok()) status_ = status;
      if (--left_ > 0) return;
    }
    // Nobody else is left.
    done_(status_.ok() ? absl::StatusOr<Revision>(revision_)
                       : absl::StatusOr<Revision>(status_));
  }

 private:
  const Revision revision_;
  Mutex mutex_;
  size_t left_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_;
  MountOperations::Done done_;
};

// Whether a mount may go: what its store left when it took all the rest keeps
// nobody from unmounting it.
bool MayLeave(const MountedBackend& mounted, Sequencer::Unapplied unapplied,
              const absl::Status& flushed) {
  return flushed.ok() || unapplied == Sequencer::Unapplied::kDiscard ||
         mounted.OnlyStuckWaits();
}

// Why a mount is not unmounted.
absl::Status NotApplied(const MountedBackend& mounted,
                        const absl::Status& why) {
  const size_t writes = mounted.Status().applier->pending_writes;
  if (writes == 0) return why;
  const std::string at = mounted.at().ToText();
  return MakeError(
      Reason::kMountUnavailable,
      absl::StrCat("the mount at ", at, " stays, for ", writes,
                   " writes are not in its store (", why.message(),
                   "): unmount it when the store has taken them, or with "
                   "discard_unapplied to give them up"),
      {{"mount", at}, {"unapplied_writes", absl::StrCat(writes)}});
}

}  // namespace

MountOperations::MountOperations(Parts parts,
                                 const std::vector<MountConfig>& configured)
    : parts_(parts) {
  for (const MountConfig& mount : configured) {
    configured_.emplace(mount.at, EncodeMountSpec(mount));
  }
}

MountOperations::Mounted MountOperations::MountedAt(const Path& at) const {
  for (Mounted& mounted : parts_.controller->Mounts()) {
    if (mounted->at() == at) return std::move(mounted);
  }
  return nullptr;
}

void MountOperations::Mount(const MountConfig& mount, Done done) {
  parts_.worker->Post([this, mount, done = std::move(done)]() mutable {
    absl::Status status = Announce(mount.at);
    if (!status.ok()) {
      done(std::move(status));
      return;
    }
    absl::StatusOr<restate::Mount> opened = Open(mount);
    if (!opened.ok()) {
      Arrived(mount.at);
      done(opened.status());
      return;
    }
    opened->definition = EncodeMountSpec(mount).SerializeAsString();
    parts_.controller->AddMount(
        *std::move(opened), [this, at = mount.at, done = std::move(done)](
                                absl::StatusOr<Revision> revision) mutable {
          Arrived(at);
          done(std::move(revision));
        });
  });
}

absl::Status MountOperations::CheckAllowed(const MountConfig& mount) const {
  return parts_.factory->permission().CheckByRpc(mount);
}

absl::Status MountOperations::Announce(const Path& at) {
  // One that is on its way is counted by its place, for a moment it is in both.
  std::set<Path> mounts;
  for (const Mounted& mounted : parts_.controller->Mounts()) {
    if (!mounted->definition().empty()) mounts.insert(mounted->at());
  }
  MutexLock lock(&mutex_);
  mounts.insert(coming_.begin(), coming_.end());
  // Says of itself that it is there already.
  if (!mounts.contains(at)) {
    absl::Status status =
        parts_.factory->permission().CheckCount(mounts.size());
    if (!status.ok()) return status;
  }
  coming_.insert(at);
  return absl::OkStatus();
}

void MountOperations::Arrived(const Path& at) {
  MutexLock lock(&mutex_);
  coming_.erase(coming_.find(at));
}

absl::StatusOr<restate::Mount> MountOperations::Open(const MountConfig& mount) {
  // First, so that who may not mount it hears nothing else.
  if (absl::Status allowed = CheckAllowed(mount); !allowed.ok()) {
    return allowed;
  }
  // Asked before the backend is opened, which may change things on a disk.
  if (const Mounted there = MountedAt(mount.at); there != nullptr) {
    return MakeError(
        Reason::kMountExists,
        absl::StrCat("a ", there->kind(), " backend is mounted at ",
                     mount.at.ToText(), ": unmount it first"),
        {{"mount", mount.at.ToText()}});
  }
  const Revision newest = parts_.controller->Published()->revision();
  if (mount.backend != BackendKind::kRocksDb) {
    return parts_.factory->Open(mount, MountFactory::Source::kCall, newest);
  }
  std::promise<absl::StatusOr<restate::Mount>> opened;
  absl::Status status = parts_.controller->AtBoundary([&] {
    opened.set_value(
        parts_.factory->Open(mount, MountFactory::Source::kCall, newest));
  });
  if (!status.ok()) return status;
  return opened.get_future().get();
}

void MountOperations::Unmount(const Path& at, Sequencer::Unapplied unapplied,
                              UnmountDone done) {
  auto leaving = std::make_shared<Leaving>();
  leaving->mounted = MountedAt(at);
  leaving->unapplied = unapplied;
  leaving->done = std::move(done);
  if (leaving->mounted == nullptr || leaving->mounted->definition().empty()) {
    // Says why not.
    parts_.controller->RemoveMount(
        at, [leaving](absl::StatusOr<Revision> result) {
          if (!result.ok()) {
            leaving->done(result.status());
            return;
          }
          // A Mount call brought it in since it was looked for.
          leaving->done(Unmounted{*result, 0});
        });
    return;
  }
  leaving->mounted->Flush([this, leaving](absl::Status status) {
    if (MayLeave(*leaving->mounted, leaving->unapplied, status)) {
      Leave(leaving, status);
    } else {
      leaving->done(NotApplied(*leaving->mounted, status));
    }
  });
}

void MountOperations::Leave(const SharedLeaving& leaving,
                            const absl::Status& flushed) {
  absl::Status status = parts_.controller->AtBoundary(
      [this, leaving, again = flushed.ok()] {
        leaving->mounted->SetLeaving(true);
        if (!again) {
          Remove(leaving);
          return;
        }
        leaving->mounted->Flush([this, leaving](absl::Status rest) {
          if (MayLeave(*leaving->mounted, leaving->unapplied, rest)) {
            Remove(leaving);
          } else {
            Stay(leaving, NotApplied(*leaving->mounted, rest));
          }
        });
      });
  if (!status.ok()) leaving->done(std::move(status));
}

void MountOperations::Remove(const SharedLeaving& leaving) {
  parts_.controller->RemoveMount(
      leaving->mounted->at(),
      [this, leaving](absl::StatusOr<Revision> removed) {
        if (!removed.ok()) {
          Stay(leaving, removed.status());
          return;
        }
        // Waits for threads that may wait for this one.
        parts_.worker->Post([leaving, revision = *removed] {
          End(leaving.get(), revision);
        });
      },
      leaving->unapplied);
}

void MountOperations::End(Leaving* leaving, Revision revision) {
  Unmounted unmounted;
  unmounted.revision = revision;
  leaving->mounted->backend().WatchEdits(nullptr);
  if (Applier* const applier = leaving->mounted->applier()) {
    applier->Stop(Applier::Rest::kAbandon).IgnoreError();
    unmounted.discarded_writes = applier->Status().pending_writes;
  }
  if (unmounted.discarded_writes > 0) {
    spdlog::warn("the mount at {} was unmounted, and {} writes that its store "
                 "did not have were discarded",
                 leaving->mounted->at().ToText(), unmounted.discarded_writes);
  }
  leaving->mounted.reset();
  leaving->done(unmounted);
}

void MountOperations::Stay(const SharedLeaving& leaving, absl::Status why) {
  const absl::Status status = parts_.controller->AtBoundary(
      [leaving] { leaving->mounted->SetLeaving(false); });
  // Once stopped nobody writes any more.
  status.IgnoreError();
  leaving->done(std::move(why));
}

void MountOperations::Flush(const Path& path, Done done) {
  // Taken first: what it shows has been given to the mounts.
  const Revision revision = parts_.controller->Published()->revision();
  std::vector<Mounted> below;
  Mounted serving;
  for (Mounted& mounted : parts_.controller->Mounts()) {
    if (path.Contains(mounted->at())) {
      below.push_back(std::move(mounted));
    } else if (mounted->at().Contains(path) &&
               (serving == nullptr || serving->at().Contains(mounted->at()))) {
      serving = std::move(mounted);
    }
  }
  const bool at_mount_point = !below.empty() && below.front()->at() == path;
  if (!at_mount_point) below.push_back(std::move(serving));
  auto flushes =
      std::make_shared<Flushes>(below.size(), revision, std::move(done));
  for (const Mounted& mounted : below) {
    mounted->Flush(
        [flushes](absl::Status status) { flushes->End(status); });
  }
}

v1::MountInfo MountOperations::InfoOf(const MountedBackend& mounted) const {
  const MountStatus status = mounted.Status();
  v1::MountSpec spec;
  if (const auto configured = configured_.find(status.at);
      status.definition.empty() && configured != configured_.end()) {
    spec = configured->second;
  } else {
    spec.ParseFromString(status.definition);
  }
  v1::MountInfo info;
  EncodeMountInfo(status, spec, &info);
  return info;
}

std::vector<v1::MountInfo> MountOperations::List() const {
  std::vector<v1::MountInfo> list;
  for (const Mounted& mounted : parts_.controller->Mounts()) {
    list.push_back(InfoOf(*mounted));
  }
  return list;
}

std::optional<v1::MountInfo> MountOperations::Find(const Path& at) const {
  const Mounted mounted = MountedAt(at);
  if (mounted == nullptr) return std::nullopt;
  return InfoOf(*mounted);
}

}  // namespace restate
