#include "service/config/mount_config.h"

#include <array>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {
namespace {

constexpr std::array<BackendKind, 4> kKinds = {
    BackendKind::kMemory, BackendKind::kRocksDb, BackendKind::kFilesystem,
    BackendKind::kRemote};

constexpr absl::Duration kLongestDeadline = absl::Hours(1);
constexpr absl::Duration kLongestFlushInterval = absl::Hours(24);

absl::Status Refuse(const MountConfig& mount, std::string_view what) {
  return MakeError(Reason::kInvalidRequest,
                   absl::StrCat("the ",
                                std::string(BackendKindName(mount.backend)),
                                " mount at ", mount.at.ToText(), " ",
                                std::string(what)));
}

absl::Status CheckDirectory(const MountConfig& mount) {
  if (mount.directory.empty()) {
    return Refuse(mount, "needs a directory");
  }
  if (!mount.directory.starts_with('/') ||
      mount.directory.find('\0') != std::string::npos) {
    return Refuse(mount,
                  absl::StrCat("needs an absolute directory, not \"",
                               mount.directory, "\""));
  }
  if (mount.serializer != "json" && mount.serializer != "yaml" &&
      mount.serializer != "textproto") {
    return Refuse(mount, absl::StrCat("has the serializer \"",
                                      mount.serializer,
                                      "\": use json, yaml or textproto"));
  }
  return absl::OkStatus();
}

absl::Status CheckRemote(const MountConfig& mount) {
  if (mount.address.empty()) {
    return Refuse(mount,
                  "needs the address of its store, such as "
                  "store.example.com:7500");
  }
  if (mount.deadline <= absl::ZeroDuration() ||
      mount.deadline > kLongestDeadline) {
    return Refuse(mount, "needs a deadline above 0 s and of at most 1 h");
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view BackendKindName(BackendKind kind) {
  switch (kind) {
    case BackendKind::kMemory:
      return "memory";
    case BackendKind::kRocksDb:
      return "rocksdb";
    case BackendKind::kFilesystem:
      return "filesystem";
    case BackendKind::kRemote:
      return "remote";
  }
  return "";
}

std::optional<BackendKind> BackendKindNamed(std::string_view name) {
  for (BackendKind kind : kKinds) {
    if (name == BackendKindName(kind)) return kind;
  }
  return std::nullopt;
}

absl::Status CheckMount(const MountConfig& mount) {
  if (mount.cache.has_value() &&
      (mount.cache->flush_interval < absl::ZeroDuration() ||
       mount.cache->flush_interval > kLongestFlushInterval)) {
    return Refuse(mount, "needs a flush_interval from 0 s to 24 h");
  }
  switch (mount.backend) {
    case BackendKind::kMemory:
    case BackendKind::kRocksDb:
      return absl::OkStatus();
    case BackendKind::kFilesystem:
      return CheckDirectory(mount);
    case BackendKind::kRemote:
      return CheckRemote(mount);
  }
  return absl::OkStatus();
}

std::string NormalDirectory(const std::string& directory) {
  std::string normal =
      std::filesystem::path(directory).lexically_normal().string();
  while (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  return normal;
}

MountConfig Normalized(MountConfig mount) {
  if (mount.directory.empty()) return mount;
  mount.directory = NormalDirectory(mount.directory);
  return mount;
}

std::string IdentityOf(const MountConfig& mount) {
  std::string identity = absl::StrCat(
      mount.cache.has_value() ? "caching " : "",
      std::string(BackendKindName(mount.backend)));
  switch (mount.backend) {
    case BackendKind::kMemory:
    case BackendKind::kRocksDb:
      break;
    case BackendKind::kFilesystem:
      absl::StrAppend(&identity, " ", mount.directory, " ", mount.serializer);
      break;
    case BackendKind::kRemote:
      absl::StrAppend(&identity, " ", mount.address, " ",
                      mount.export_path.ToText());
      break;
  }
  return identity;
}

}  // namespace restate
