#include "service/mounts/mount_permission.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {
namespace {

absl::Status NotAllowed(const MountConfig& mount, const std::string& what,
                        const std::string& key) {
  return MakeError(
      Reason::kMountNotAllowed,
      absl::StrCat("the configuration does not let calls mount ", what,
                   ": have whoever runs the server add it to mounts_by_rpc.",
                   key),
      {{"mount", mount.at.ToText()}, {"key", "mounts_by_rpc." + key}});
}

}  // namespace

MountPermission::MountPermission(MountsByRpc allowed,
                                 const std::string& data_dir)
    : allowed_(std::move(allowed)) {
  if (data_dir.empty()) return;
  // The store as well, for it may be mounted somewhere else a second time.
  own_ = {data_dir, absl::StrCat(data_dir, "/rocksdb")};
}

const std::string* MountPermission::Allowing(
    const std::string& directory) const {
  for (const std::string& allowed : allowed_.directories) {
    const std::string inside = allowed.ends_with('/') ? allowed : allowed + "/";
    if (directory == allowed || directory.starts_with(inside)) return &allowed;
  }
  return nullptr;
}

absl::Status MountPermission::CheckByRpc(const MountConfig& mount) const {
  switch (mount.backend) {
    case BackendKind::kMemory:
    case BackendKind::kRocksDb:
      return absl::OkStatus();
    case BackendKind::kFilesystem:
      if (Allowing(mount.directory) != nullptr) return absl::OkStatus();
      return NotAllowed(mount,
                        absl::StrCat("the directory ", mount.directory),
                        "directories");
    case BackendKind::kRemote: {
      const std::vector<std::string>& addresses = allowed_.addresses;
      if (std::find(addresses.begin(), addresses.end(), mount.address) !=
          addresses.end()) {
        return absl::OkStatus();
      }
      return NotAllowed(mount, absl::StrCat("the address ", mount.address),
                        "addresses");
    }
  }
  return absl::InternalError("unknown backend");
}

absl::Status MountPermission::CheckCount(size_t mounts) const {
  if (mounts < allowed_.at_most) return absl::OkStatus();
  return MakeError(
      Reason::kTooManyMounts,
      absl::StrCat("there are ", mounts, " mounts made by calls, and ",
                   allowed_.at_most, " is the most there may be: unmount one, "
                   "or have mounts_by_rpc.at_most of the configuration raised"));
}

absl::Status MountPermission::CheckConfigured(const MountConfig& mount) const {
  if (mount.backend != BackendKind::kFilesystem) return absl::OkStatus();
  return CheckApart(mount.directory, own_);
}

DirectoryBounds MountPermission::BoundsOfConfigured() const {
  return {.within = "", .apart_from = own_};
}

DirectoryBounds MountPermission::BoundsByRpc(const MountConfig& mount) const {
  const std::string* const within = Allowing(mount.directory);
  return {.within = within == nullptr ? mount.directory : *within,
          .apart_from = own_};
}

}  // namespace restate
