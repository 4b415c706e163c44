#include "service/config/config.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/error/absl_view.h"

namespace restate {
namespace {

constexpr std::array<const char*, 6> kLogLevels = {"trace", "debug", "info",
                                                   "warn",  "error", "off"};

// The error, with the first place of these keys that the file has one for.
absl::Status ErrorAt(const Config& config,
                     std::initializer_list<std::string> keys,
                     const std::string& what) {
  for (const std::string& key : keys) {
    const auto place = config.places.find(key);
    if (place == config.places.end()) continue;
    return absl::InvalidArgumentError(absl::StrCat(place->second, ": ", what));
  }
  return absl::InvalidArgumentError(what);
}

}  // namespace

std::string MountKey(const Path& at) {
  return absl::StrCat("mounts ", at.ToText());
}

std::string ExportKey(const Path& path) {
  return absl::StrCat("exports ", path.ToText());
}

absl::Status CheckListenAddress(std::string_view listen) {
  const size_t colon = listen.rfind(':');
  const std::string_view host =
      colon == std::string_view::npos ? "" : listen.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (host.empty() ||
      (!bracketed && host.find(':') != std::string_view::npos)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", AbslView(listen), "\" is not HOST:PORT, such as 127.0.0.1:7420 or ",
        "[::1]:7420"));
  }
  const std::string_view port_text = listen.substr(colon + 1);
  const bool digits =
      !port_text.empty() &&
      port_text.find_first_not_of("0123456789") == std::string_view::npos;
  int port = 0;
  if (!digits || !absl::SimpleAtoi(AbslView(port_text), &port) || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", AbslView(port_text), "\" in \"", AbslView(listen),
                     "\" is not a port: use 0 to 65535 (0 picks a free one)"));
  }
  return absl::OkStatus();
}

absl::Status CheckHttpListenAddress(std::string_view listen) {
  if (listen == kNoHttp) return absl::OkStatus();
  if (CheckListenAddress(listen).ok() && !listen.starts_with('[')) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", AbslView(listen), "\" is neither HOST:PORT of IPv4, such as ",
      "127.0.0.1:7421 (port 0 picks a free one), nor \"", kNoHttp,
      "\", which serves no metrics"));
}

absl::Status CheckLogLevel(std::string_view level) {
  if (std::find(kLogLevels.begin(), kLogLevels.end(), level) !=
      kLogLevels.end()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", AbslView(level), "\" is not a log level: use one of ",
                   absl::StrJoin(kLogLevels, ", ")));
}

absl::StatusOr<Config> Complete(Config config) {
  if (config.mounts.empty()) {
    if (config.data_dir.empty()) {
      config.mounts.push_back(MountConfig());
    } else {
      config.mounts.push_back({.backend = BackendKind::kRocksDb});
      config.mounts.push_back({.at = Path().Child("tmp")});
    }
  }
  std::set<Path> places;
  std::map<std::string, Path> directories;
  for (MountConfig& mount : config.mounts) {
    if (absl::Status status = CheckMount(mount); !status.ok()) {
      return ErrorAt(config, {MountKey(mount.at)},
                     std::string(status.message()));
    }
    mount = Normalized(std::move(mount));
    if (!places.insert(mount.at).second) {
      return ErrorAt(config, {MountKey(mount.at)},
                     absl::StrCat("two mounts are at ", mount.at.ToText()));
    }
    if (mount.backend == BackendKind::kRocksDb && config.data_dir.empty()) {
      return ErrorAt(
          config, {MountKey(mount.at)},
          absl::StrCat("the rocksdb mount at ", mount.at.ToText(),
                       " needs a data directory: give --data-dir DIR, or "
                       "data_dir in the configuration file"));
    }
    if (mount.backend != BackendKind::kFilesystem) continue;
    const auto [other, fresh] =
        directories.emplace(mount.directory, mount.at);
    if (!fresh) {
      return ErrorAt(
          config, {MountKey(mount.at)},
          absl::StrCat("the filesystem mounts at ", other->second.ToText(),
                       " and ", mount.at.ToText(), " are in one directory, ",
                       mount.directory));
    }
  }
  if (!places.contains(Path())) {
    return ErrorAt(config, {"mounts"},
                   "nothing is mounted at /: add a mount with path: /");
  }
  std::sort(config.exports.begin(), config.exports.end());
  for (size_t i = 0; i < config.exports.size(); ++i) {
    if (config.exports[i].is_root()) {
      return ErrorAt(config, {ExportKey(config.exports[i])},
                     "exports: / cannot be exported, for nobody here could "
                     "write any more; export a path below it");
    }
    if (i > 0 && config.exports[i - 1].Contains(config.exports[i])) {
      return ErrorAt(
          config, {ExportKey(config.exports[i])},
          absl::StrCat("exports: ", config.exports[i].ToText(),
                       " is at or below ", config.exports[i - 1].ToText(),
                       ", which is exported"));
    }
  }
  RequestLimits& limits = config.limits.request;
  if (limits.write.max_leaf_bytes > limits.max_message_bytes / 4) {
    return ErrorAt(
        config, {"limits.leaf_bytes", "limits.message_bytes"},
        absl::StrCat("limits: leaf_bytes, ", limits.write.max_leaf_bytes,
                     ", may be at most a quarter of message_bytes, ",
                     limits.max_message_bytes));
  }
  if (config.limits.history_bytes == 0) {
    config.limits.history_bytes =
        size_t{config.data_dir.empty() ? 64u : 4096u} << 20;
  }
  config.limits.derivations.result = limits.write;
  if (config.limits.derivations.commit_instructions <
      config.limits.derivations.call.instructions) {
    return ErrorAt(
        config,
        {"limits.derivation_instructions",
         "limits.derivation_commit_instructions"},
        absl::StrCat("limits: derivation_instructions, ",
                     config.limits.derivations.call.instructions,
                     ", may be at most derivation_commit_instructions, ",
                     config.limits.derivations.commit_instructions));
  }
  limits.max_read_bytes =
      limits.max_message_bytes - limits.max_message_bytes / 16;
  return config;
}

}  // namespace restate
