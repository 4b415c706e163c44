#include "service/mounts/mount_log.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/str_join.h"

namespace restate {

void MountLog::Look() {
  std::map<std::string, v1::MountState> unwell;
  for (const v1::MountInfo& mount : mounts_->List()) {
    const std::string& path = mount.spec().path().text();
    const auto before = unwell_.find(path);
    if (mount.state() == v1::MOUNT_STATE_UP) {
      if (before != unwell_.end()) {
        spdlog::info("the mount at {} is well again", path);
      }
      continue;
    }
    unwell.emplace(path, mount.state());
    if (before != unwell_.end() && before->second == mount.state()) continue;
    const bool degraded = mount.state() == v1::MOUNT_STATE_DEGRADED;
    spdlog::log(degraded ? spdlog::level::warn : spdlog::level::err,
                "the mount at {} is {}: {}", path,
                degraded                                   ? "degraded"
                : mount.state() == v1::MOUNT_STATE_FAILED ? "failed"
                                                           : "down",
                absl::StrJoin(mount.problems(), "; "));
  }
  unwell_ = std::move(unwell);
}

}  // namespace restate
