#include "service/admin/restored_mounts.h"

#include <future>

#include "absl/strings/str_cat.h"
#include "engine/commit/mount_records.h"
#include "engine/error/error.h"
#include "restate/v1/mount.pb.h"
#include "service/mounts/mount_adapter.h"

namespace restate {
namespace {

absl::Status RestoreMount(MountOperations* mounts, const std::string& bytes) {
  v1::MountSpec spec;
  if (!spec.ParseFromString(bytes)) {
    return MakeError(Reason::kCorrupt,
                     "the backup has a mount that is unreadable: take another "
                     "backup");
  }
  absl::StatusOr<MountConfig> mount = DecodeMountSpec(spec);
  if (!mount.ok()) return mount.status();
  if (mounts->Find(mount->at).has_value()) return absl::OkStatus();
  std::promise<absl::Status> done;
  mounts->Mount(*mount, [&](absl::StatusOr<Revision> revision) {
    done.set_value(revision.status());
  });
  absl::Status status = done.get_future().get();
  if (status.ok()) return status;
  return Annotate(status,
                  absl::StrCat("the mount at ", mount->at.ToText(), ": "));
}

}  // namespace

absl::Status RestoreMounts(MountOperations* mounts,
                           const std::map<std::string, std::string>& records) {
  // Keys are in the order of paths.
  for (const auto& [key, bytes] : records) {
    if (!key.starts_with(mount_records::kDefinitionPrefix)) continue;
    if (absl::Status status = RestoreMount(mounts, bytes); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace restate
