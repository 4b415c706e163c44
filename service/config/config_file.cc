#include "service/config/config_file.h"

#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "engine/error/absl_view.h"

namespace restate {
namespace {

// yaml-cpp throws. The exceptions end in ReadConfigText and ReadConfigFile:
// nothing here lets one out, and everything in between returns a Status.
class Reader {
 public:
  Reader(std::string name, Config* config)
      : name_(std::move(name)), config_(config) {}

  absl::Status Read(const YAML::Node& root) {
    // An empty file, or one of comments.
    if (root.IsNull()) return absl::OkStatus();
    return ReadMap(
        root, "the file",
        {{"listen", Text(&config_->listen, CheckListenAddress)},
         {"http_listen", Text(&config_->http_listen, CheckHttpListenAddress)},
         {"data_dir", Text(&config_->data_dir, CheckNotEmpty)},
         {"log_level", Text(&config_->log_level, CheckLogLevel)},
         {"mounts", [this](auto& node) { return Mounts(node); }},
         {"exports", [this](auto& node) { return Exports(node); }},
         {"trusted_proxies",
          [this](auto& node) { return TrustedProxies(node); }},
         {"limits", [this](auto& node) { return Limits(node); }}});
  }

 private:
  using ReadValue = std::function<absl::Status(const YAML::Node& node)>;
  using Keys = std::map<std::string, ReadValue>;

  absl::Status Error(const YAML::Node& node, const std::string& what) const {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ":", node.Mark().line + 1, ": ", what));
  }

  // Gives each value of a map to the reader of its key.
  absl::Status ReadMap(const YAML::Node& node, const std::string& where,
                       const Keys& keys) const {
    const std::string allowed = absl::StrJoin(
        keys, ", ", [](std::string* out, const auto& key_and_reader) {
          out->append(key_and_reader.first);
        });
    if (!node.IsMap()) {
      return Error(node, absl::StrCat(where, " must be a map; its keys are ",
                                      allowed));
    }
    std::map<std::string, int> lines;
    for (const auto& entry : node) {
      const YAML::Node& key_node = entry.first;
      const std::string key = key_node.IsScalar() ? key_node.Scalar() : "?";
      const auto reader = keys.find(key);
      if (reader == keys.end()) {
        return Error(key_node, absl::StrCat("unknown key \"", key, "\" in ",
                                            where, "; allowed: ", allowed));
      }
      const auto [first, fresh] = lines.emplace(key, key_node.Mark().line + 1);
      if (!fresh) {
        return Error(key_node,
                     absl::StrCat("key \"", key, "\" was already given on line ",
                                  first->second));
      }
      absl::Status status = reader->second(entry.second);
      if (!status.ok()) {
        // A nested reader has said where.
        if (absl::StartsWith(status.message(), name_ + ":")) return status;
        return Error(key_node, absl::StrCat(key, ": ", status.message()));
      }
    }
    return absl::OkStatus();
  }

  static absl::Status CheckNotEmpty(std::string_view text) {
    if (!text.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError("must not be empty");
  }

  static ReadValue Text(std::string* to,
                        absl::Status (*check)(std::string_view)) {
    return [to, check](const YAML::Node& node) -> absl::Status {
      if (!node.IsScalar()) return absl::InvalidArgumentError("must be a text");
      absl::Status status = check(node.Scalar());
      if (status.ok()) *to = node.Scalar();
      return status;
    };
  }

  // REQUIRES: `most` fits into what `to` points to.
  template <typename Integer>
  static ReadValue Number(Integer* to, size_t least, size_t most) {
    return [to, least, most](const YAML::Node& node) -> absl::Status {
      size_t number = 0;
      if (!node.IsScalar() || !absl::SimpleAtoi(node.Scalar(), &number) ||
          number < least || number > most) {
        return absl::InvalidArgumentError(absl::StrCat(
            node.IsScalar() ? absl::StrCat("\"", node.Scalar(), "\" ") : "",
            "must be a whole number from ", least, " to ", most));
      }
      *to = static_cast<Integer>(number);
      return absl::OkStatus();
    };
  }

  static ReadValue Time(absl::Duration* to,
                        absl::Duration least = absl::Seconds(1),
                        absl::Duration most = absl::Hours(24 * 3650)) {
    return [=](const YAML::Node& node) -> absl::Status {
      absl::Duration time;
      if (!node.IsScalar() || !absl::ParseDuration(node.Scalar(), &time) ||
          time < least || time > most) {
        return absl::InvalidArgumentError(absl::StrCat(
            node.IsScalar() ? absl::StrCat("\"", node.Scalar(), "\" ") : "",
            "must be a time such as 90s, 30m or 24h, from ",
            absl::FormatDuration(least), " to ", Hours(most)));
      }
      *to = time;
      return absl::OkStatus();
    };
  }

  // "87600h", and not "87600h0m0s".
  static std::string Hours(absl::Duration time) {
    return absl::StrCat(absl::ToInt64Hours(time), "h");
  }

  static ReadValue Flag(bool* to) {
    return [to](const YAML::Node& node) -> absl::Status {
      const std::string text = node.IsScalar() ? node.Scalar() : "";
      if (text != "true" && text != "false") {
        return absl::InvalidArgumentError("must be true or false");
      }
      *to = text == "true";
      return absl::OkStatus();
    };
  }

  // Plain YAML 1.2 has no `on` and `off`, so they come as texts.
  static ReadValue Switch(bool* to) {
    return [to](const YAML::Node& node) -> absl::Status {
      const std::string text = node.IsScalar() ? node.Scalar() : "";
      if (text != "on" && text != "off") {
        return absl::InvalidArgumentError("must be on or off");
      }
      *to = text == "on";
      return absl::OkStatus();
    };
  }

  static ReadValue PathText(Path* to) {
    return [to](const YAML::Node& node) -> absl::Status {
      if (!node.IsScalar()) {
        return absl::InvalidArgumentError("must be a path such as /tmp");
      }
      absl::StatusOr<Path> path = Path::Parse(node.Scalar());
      if (!path.ok()) return path.status();
      *to = *std::move(path);
      return absl::OkStatus();
    };
  }

  static ReadValue Backend(BackendKind* to) {
    return [to](const YAML::Node& node) -> absl::Status {
      const std::string name = node.IsScalar() ? node.Scalar() : "";
      const std::optional<BackendKind> kind = BackendKindNamed(name);
      if (!kind.has_value()) {
        return absl::InvalidArgumentError(
            absl::StrCat("\"", name,
                         "\" is not a backend: use rocksdb, memory, "
                         "filesystem or remote"));
      }
      *to = *kind;
      return absl::OkStatus();
    };
  }

  ReadValue Cache(std::optional<CachePolicy>* to) {
    return [this, to](const YAML::Node& node) -> absl::Status {
      CachePolicy& cache = to->emplace();
      return ReadMap(
          node, "cache",
          {{"flush_interval",
            Time(&cache.flush_interval, absl::ZeroDuration(),
                 absl::Hours(24))},
           {"flush_on_read", Flag(&cache.flush_on_read)},
           {"flush_on_write", Flag(&cache.flush_on_write)},
           {"flush_on_delete", Flag(&cache.flush_on_delete)}});
    };
  }

  absl::Status Mounts(const YAML::Node& node) {
    if (!node.IsSequence()) {
      return absl::InvalidArgumentError(
          "must be a list of {path: PATH, backend: rocksdb, memory, "
          "filesystem or remote}");
    }
    config_->mounts.clear();
    std::map<Path, int> lines;
    for (const YAML::Node& item : node) {
      MountConfig mount;
      if (absl::Status status = ReadMount(item, &mount); !status.ok()) {
        return status;
      }
      const auto [first, fresh] =
          lines.emplace(mount.at, item.Mark().line + 1);
      if (!fresh) {
        return Error(item, absl::StrCat("a mount at ", mount.at.ToText(),
                                        " was already given on line ",
                                        first->second));
      }
      config_->mounts.push_back(std::move(mount));
    }
    return absl::OkStatus();
  }

  absl::Status Exports(const YAML::Node& node) {
    if (!node.IsSequence()) {
      return absl::InvalidArgumentError("must be a list of {path: PATH}");
    }
    config_->exports.clear();
    for (const YAML::Node& item : node) {
      std::optional<Path> path;
      absl::Status status = ReadMap(
          item, "an export",
          {{"path", [&](const YAML::Node& value) -> absl::Status {
              if (!value.IsScalar()) {
                return absl::InvalidArgumentError(
                    "must be a path such as /shared");
              }
              absl::StatusOr<Path> parsed = Path::Parse(value.Scalar());
              if (!parsed.ok()) return parsed.status();
              path = *std::move(parsed);
              return absl::OkStatus();
            }}});
      if (!status.ok()) return status;
      if (!path.has_value()) return Error(item, "an export needs a path");
      config_->exports.push_back(*std::move(path));
    }
    return absl::OkStatus();
  }

  absl::Status TrustedProxies(const YAML::Node& node) {
    if (!node.IsSequence()) {
      return absl::InvalidArgumentError(
          "must be a list of addresses and networks, such as [10.0.0.0/8]");
    }
    config_->trusted_proxies.clear();
    for (const YAML::Node& item : node) {
      absl::StatusOr<AddressRange> range =
          AddressRange::Parse(item.IsScalar() ? item.Scalar() : "");
      if (!range.ok()) return Error(item, std::string(range.status().message()));
      config_->trusted_proxies.push_back(*range);
    }
    return absl::OkStatus();
  }

  absl::Status ReadMount(const YAML::Node& item, MountConfig* mount) {
    absl::Status status = ReadMap(
        item, "a mount",
        {{"path", PathText(&mount->at)},
         {"backend", Backend(&mount->backend)},
         {"directory", Text(&mount->directory, CheckNotEmpty)},
         {"serializer", Text(&mount->serializer, CheckNotEmpty)},
         {"read_only", Flag(&mount->read_only)},
         {"address", Text(&mount->address, CheckNotEmpty)},
         {"export", PathText(&mount->export_path)},
         {"deadline",
          Time(&mount->deadline, absl::Milliseconds(1), absl::Hours(1))},
         {"cache", Cache(&mount->cache)}});
    if (!status.ok()) return status;
    for (const char* needed : {"path", "backend"}) {
      if (!item[needed].IsDefined()) {
        return Error(item, absl::StrCat("a mount needs a ", needed));
      }
    }
    const std::map<std::string, BackendKind> only_of = {
        {"directory", BackendKind::kFilesystem},
        {"serializer", BackendKind::kFilesystem},
        {"read_only", BackendKind::kFilesystem},
        {"address", BackendKind::kRemote},
        {"export", BackendKind::kRemote},
        {"deadline", BackendKind::kRemote}};
    for (const auto& [key, backend] : only_of) {
      if (backend != mount->backend && item[key].IsDefined()) {
        return Error(
            item, absl::StrCat(key, " is only for ",
                               AbslView(BackendKindName(backend)), " mounts"));
      }
    }
    status = CheckMount(*mount);
    return status.ok() ? status : Error(item, std::string(status.message()));
  }

  absl::Status Limits(const YAML::Node& node) {
    LimitsConfig& limits = config_->limits;
    RequestLimits& request = limits.request;
    DerivationLimits& derivations = limits.derivations;
    constexpr size_t kKilo = size_t{1} << 10;
    constexpr size_t kMega = size_t{1} << 20;
    constexpr size_t kGiga = size_t{1} << 30;
    constexpr size_t kMany = 100'000'000;
    constexpr size_t kBillion = 1'000'000'000;
    return ReadMap(
        node, "limits",
        {{"per_client", Switch(&limits.per_client)},
         {"leaf_bytes", Number(&request.write.max_leaf_bytes, 1, 256 * kMega)},
         // At least an event with its paths; gRPC counts in int.
         {"message_bytes",
          Number(&request.max_message_bytes, 64 * kKilo, kGiga)},
         {"nodes", Number(&request.write.max_nodes, 1, kMany)},
         {"operations", Number(&request.max_operations, 1, kMany)},
         {"paths", Number(&request.max_batch_paths, 1, kMany)},
         {"patterns", Number(&request.max_patterns, 1, kMany)},
         {"queue_bytes", Number(&limits.queue_bytes, 64 * kKilo, 64 * kGiga)},
         {"commit_queue_length", Number(&limits.commit_queue_length, 1, kMany)},
         {"commit_queue_bytes",
          Number(&limits.commit_queue_bytes, 64 * kKilo, 64 * kGiga)},
         {"last_changes_bytes",
          Number(&limits.last_changes_bytes, 64 * kKilo, 64 * kGiga)},
         {"history_bytes",
          Number(&limits.history_bytes, 64 * kKilo, 1024 * kGiga)},
         {"history_age", Time(&limits.history_age)},
         {"block_cache_bytes",
          Number(&limits.block_cache_bytes, 64 * kKilo, 1024 * kGiga)},
         {"request_ids_bytes",
          Number(&limits.request_ids_bytes, 64 * kKilo, 64 * kGiga)},
         {"sessions", Number(&limits.sessions, 1, kMany)},
         {"session_subscriptions",
          Number(&limits.session_subscriptions, 1, kMany)},
         {"session_grace", Time(&limits.session_grace)},
         {"acknowledge_timeout", Time(&limits.acknowledge_timeout)},
         {"derivation_instructions",
          Number(&derivations.call.instructions, 1'000, kBillion)},
         {"derivation_memory_bytes",
          Number(&derivations.call.memory_bytes, 64 * kKilo, kGiga)},
         {"derivation_nodes", Number(&derivations.call.nodes, 1, kMany)},
         {"derivation_cpu_time", Time(&derivations.call.cpu_time,
                                      absl::Milliseconds(1), absl::Hours(1))},
         {"derivation_commit_instructions",
          Number(&derivations.commit_instructions, 1'000, kBillion)},
         {"derivation_source_bytes",
          Number(&derivations.max_source_bytes, kKilo, 64 * kGiga)},
         {"derivation_runs", Number(&derivations.max_runs, 1, 1'000)}});
  }

  const std::string name_;
  Config* const config_;
};

}  // namespace

absl::Status ReadConfigText(const std::string& text, const std::string& name,
                            Config* config) {
  try {
    return Reader(name, config).Read(YAML::Load(text));
  } catch (const YAML::Exception& e) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ":", e.mark.line + 1, ": ", e.msg));
  }
}

absl::Status ReadConfigFile(const std::string& file, Config* config) {
  std::ifstream in(file);
  std::stringstream text;
  if (!in || !(text << in.rdbuf())) {
    return absl::NotFoundError(
        absl::StrCat("cannot read the configuration file ", file, ": ",
                     errno == 0 ? "it is empty or no file" : strerror(errno)));
  }
  return ReadConfigText(text.str(), file, config);
}

}  // namespace restate
