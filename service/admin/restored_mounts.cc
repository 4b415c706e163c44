#include "service/admin/restored_mounts.h"

#include <future>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "engine/commit/mount_records.h"
#include "engine/error/error.h"
#include "restate/v1/mount.pb.h"
#include "service/mounts/mount_adapter.h"

namespace restate {
namespace {

absl::StatusOr<MountConfig> DecodeMount(const std::string& bytes) {
  v1::MountSpec spec;
  if (!spec.ParseFromString(bytes)) {
    return MakeError(Reason::kCorrupt,
                     "the backup has a mount that is unreadable: take another "
                     "backup");
  }
  return DecodeMountSpec(spec);
}

absl::Status Named(const absl::Status& status, const MountConfig& mount) {
  if (status.ok()) return status;
  return Annotate(status,
                  absl::StrCat("the mount at ", mount.at.ToText(), ": "));
}

absl::Status RestoreMount(MountOperations* mounts, const MountConfig& mount) {
  std::promise<absl::Status> done;
  mounts->Mount(mount, [&](absl::StatusOr<Revision> revision) {
    done.set_value(revision.status());
  });
  return Named(done.get_future().get(), mount);
}

}  // namespace

absl::Status RestoreMounts(MountOperations* mounts,
                           const std::map<std::string, std::string>& records) {
  std::vector<MountConfig> missing;
  // Keys are in the order of paths.
  for (const auto& [key, bytes] : records) {
    if (!key.starts_with(mount_records::kDefinitionPrefix)) continue;
    absl::StatusOr<MountConfig> mount = DecodeMount(bytes);
    if (!mount.ok()) return mount.status();
    if (mounts->Find(mount->at).has_value()) continue;
    // A backup is as much somebody else's word as a call.
    absl::Status allowed = Named(mounts->CheckAllowed(*mount), *mount);
    if (!allowed.ok()) return allowed;
    missing.push_back(*std::move(mount));
  }
  for (const MountConfig& mount : missing) {
    if (absl::Status status = RestoreMount(mounts, mount); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace restate
