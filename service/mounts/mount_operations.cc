#include "service/mounts/mount_operations.h"

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
    absl::StatusOr<restate::Mount> opened = Open(mount);
    if (!opened.ok()) {
      done(opened.status());
      return;
    }
    opened->definition = EncodeMountSpec(mount).SerializeAsString();
    parts_.controller->AddMount(*std::move(opened), std::move(done));
  });
}

absl::StatusOr<restate::Mount> MountOperations::Open(const MountConfig& mount) {
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
    return parts_.factory->Open(mount, newest);
  }
  std::promise<absl::StatusOr<restate::Mount>> opened;
  absl::Status status = parts_.controller->AtBoundary([&] {
    opened.set_value(parts_.factory->Open(mount, newest));
  });
  if (!status.ok()) return status;
  return opened.get_future().get();
}

void MountOperations::Unmount(const Path& at, Done done) {
  auto shared = std::make_shared<Done>(std::move(done));
  const Mounted mounted = MountedAt(at);
  if (mounted == nullptr || mounted->definition().empty()) {
    // Says why not.
    parts_.controller->RemoveMount(
        at, [shared](absl::StatusOr<Revision> result) {
          (*shared)(std::move(result));
        });
    return;
  }
  mounted->Flush([this, mounted, shared](absl::Status status) {
    if (status.ok()) {
      Leave(mounted, shared);
    } else {
      (*shared)(std::move(status));
    }
  });
}

void MountOperations::Leave(const Mounted& mounted, SharedDone done) {
  absl::Status status =
      parts_.controller->AtBoundary([this, mounted, done]() mutable {
        mounted->SetLeaving(true);
        mounted->Flush([this, mounted, done](absl::Status flushed) {
          if (flushed.ok()) {
            Remove(mounted, done);
          } else {
            Stay(mounted, std::move(flushed), done);
          }
        });
      });
  if (!status.ok()) (*done)(std::move(status));
}

void MountOperations::Remove(const Mounted& mounted, SharedDone done) {
  parts_.controller->RemoveMount(
      mounted->at(),
      [this, mounted, done](absl::StatusOr<Revision> removed) mutable {
        if (!removed.ok()) {
          Stay(mounted, removed.status(), done);
          return;
        }
        // Waits for threads that may wait for this one.
        parts_.worker->Post([mounted = std::move(mounted), done,
                             revision = *removed]() mutable {
          mounted->backend().WatchEdits(nullptr);
          if (mounted->applier() != nullptr) {
            mounted->applier()->Stop(Applier::Rest::kAbandon).IgnoreError();
          }
          mounted.reset();
          (*done)(revision);
        });
      });
}

void MountOperations::Stay(const Mounted& mounted, absl::Status why,
                           SharedDone done) {
  const absl::Status status = parts_.controller->AtBoundary(
      [mounted] { mounted->SetLeaving(false); });
  // Once stopped nobody writes any more.
  status.IgnoreError();
  (*done)(std::move(why));
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
