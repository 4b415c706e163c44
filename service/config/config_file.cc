#include "service/config/config_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "engine/error/absl_view.h"
#include "engine/yaml/yaml_reader.h"

namespace restate {
namespace {

// A configuration file is small.
constexpr std::streamsize kMostFileBytes = 16 << 20;

// Whether there is something to read as text: `key:` alone says nothing.
bool IsText(const YamlNode& node) { return node.is_scalar() && !node.is_null(); }

class Reader {
 public:
  Reader(std::string name, Config* config)
      : name_(std::move(name)), config_(config) {}

  absl::Status Read(const YamlNode& root) {
    // A file that says only ~.
    if (root.is_null()) return absl::OkStatus();
    if (absl::Status tags = CheckTags(root); !tags.ok()) return tags;
    return ReadMap(
        root, kFile,
        {{"listen", Text(&config_->listen, CheckListenAddress)},
         {"http_listen", Text(&config_->http_listen, CheckHttpListenAddress)},
         {"data_dir", Text(&config_->data_dir, CheckNotEmpty)},
         {"log_level", Text(&config_->log_level, CheckLogLevel)},
         {"mounts", [this](auto& node) { return Mounts(node); }},
         {"mounts_by_rpc", [this](auto& node) { return ByRpc(node); }},
         {"exports", [this](auto& node) { return Exports(node); }},
         {"trusted_proxies",
          [this](auto& node) { return TrustedProxies(node); }},
         {"limits", [this](auto& node) { return Limits(node); }}});
  }

 private:
  static constexpr char kFile[] = "the file";

  using ReadValue = std::function<absl::Status(const YamlNode& node)>;
  using Keys = std::map<std::string, ReadValue>;

  absl::Status Error(const YamlNode& node, const std::string& what) const {
    return absl::InvalidArgumentError(
        absl::StrCat(PlaceOf(node), ": ", what));
  }

  // "restate.yaml:3".
  std::string PlaceOf(const YamlNode& node) const {
    return absl::StrCat(name_, ":", node.line);
  }

  // A tag that changes nothing here would be left out silently.
  absl::Status CheckTags(const YamlNode& node) const {
    constexpr std::array<std::string_view, 6> kKnown = {
        "",
        "!",
        "tag:yaml.org,2002:str",
        "tag:yaml.org,2002:int",
        "tag:yaml.org,2002:float",
        "tag:yaml.org,2002:bool"};
    if (std::find(kKnown.begin(), kKnown.end(), node.tag) == kKnown.end()) {
      return Error(node, absl::StrCat("the tag \"", node.tag,
                                      "\" is not known: leave it out"));
    }
    for (const YamlNodePtr& item : node.items) {
      if (absl::Status tags = CheckTags(*item); !tags.ok()) return tags;
    }
    for (const YamlNode::Entry& entry : node.entries) {
      for (const YamlNodePtr& part : {entry.key, entry.value}) {
        if (absl::Status tags = CheckTags(*part); !tags.ok()) return tags;
      }
    }
    return absl::OkStatus();
  }

  // Gives each value of a map to the reader of its key.
  absl::Status ReadMap(const YamlNode& node, const std::string& where,
                       const Keys& keys) const {
    const std::string allowed = absl::StrJoin(
        keys, ", ", [](std::string* out, const auto& key_and_reader) {
          out->append(key_and_reader.first);
        });
    if (!node.is_map()) {
      return Error(node, absl::StrCat(where, " must be a map; its keys are ",
                                      allowed));
    }
    const bool keys_of_file = where == kFile;
    std::map<std::string, size_t> lines;
    for (const YamlNode::Entry& entry : node.entries) {
      const YamlNode& key_node = *entry.key;
      const std::string key = IsText(key_node) ? key_node.text : "?";
      const auto reader = keys.find(key);
      if (reader == keys.end()) {
        return Error(key_node, absl::StrCat("unknown key \"", key, "\" in ",
                                            where, "; allowed: ", allowed));
      }
      const auto [first, fresh] = lines.emplace(key, key_node.line);
      if (!fresh) {
        return Error(key_node,
                     absl::StrCat("key \"", key, "\" was already given on line ",
                                  first->second));
      }
      config_->places[keys_of_file ? key : absl::StrCat(where, ".", key)] =
          PlaceOf(key_node);
      absl::Status status = reader->second(*entry.value);
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
    return [to, check](const YamlNode& node) -> absl::Status {
      if (!IsText(node)) return absl::InvalidArgumentError("must be a text");
      absl::Status status = check(node.text);
      if (status.ok()) *to = node.text;
      return status;
    };
  }

  // REQUIRES: `most` fits into what `to` points to.
  template <typename Integer>
  static ReadValue Number(Integer* to, size_t least, size_t most) {
    return [to, least, most](const YamlNode& node) -> absl::Status {
      size_t number = 0;
      if (!IsText(node) || !absl::SimpleAtoi(node.text, &number) ||
          number < least || number > most) {
        return absl::InvalidArgumentError(absl::StrCat(
            IsText(node) ? absl::StrCat("\"", node.text, "\" ") : "",
            "must be a whole number from ", least, " to ", most));
      }
      *to = static_cast<Integer>(number);
      return absl::OkStatus();
    };
  }

  static ReadValue Time(absl::Duration* to,
                        absl::Duration least = absl::Seconds(1),
                        absl::Duration most = absl::Hours(24 * 3650)) {
    return [=](const YamlNode& node) -> absl::Status {
      absl::Duration time;
      if (!IsText(node) || !absl::ParseDuration(node.text, &time) ||
          time < least || time > most) {
        return absl::InvalidArgumentError(absl::StrCat(
            IsText(node) ? absl::StrCat("\"", node.text, "\" ") : "",
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
    return [to](const YamlNode& node) -> absl::Status {
      const std::string text = IsText(node) ? node.text : "";
      if (text != "true" && text != "false") {
        return absl::InvalidArgumentError("must be true or false");
      }
      *to = text == "true";
      return absl::OkStatus();
    };
  }

  // Plain YAML 1.2 has no `on` and `off`, so they come as texts.
  static ReadValue Switch(bool* to) {
    return [to](const YamlNode& node) -> absl::Status {
      const std::string text = IsText(node) ? node.text : "";
      if (text != "on" && text != "off") {
        return absl::InvalidArgumentError("must be on or off");
      }
      *to = text == "on";
      return absl::OkStatus();
    };
  }

  static ReadValue PathText(Path* to) {
    return [to](const YamlNode& node) -> absl::Status {
      if (!IsText(node)) {
        return absl::InvalidArgumentError("must be a path such as /tmp");
      }
      absl::StatusOr<Path> path = Path::Parse(node.text);
      if (!path.ok()) return path.status();
      *to = *std::move(path);
      return absl::OkStatus();
    };
  }

  static ReadValue Backend(BackendKind* to) {
    return [to](const YamlNode& node) -> absl::Status {
      const std::string name = IsText(node) ? node.text : "";
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
    return [this, to](const YamlNode& node) -> absl::Status {
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

  absl::Status Mounts(const YamlNode& node) {
    if (!node.is_list()) {
      return absl::InvalidArgumentError(
          "must be a list of {path: PATH, backend: rocksdb, memory, "
          "filesystem or remote}");
    }
    config_->mounts.clear();
    std::map<Path, size_t> lines;
    for (const YamlNodePtr& pointer : node.items) {
      const YamlNode& item = *pointer;
      MountConfig mount;
      if (absl::Status status = ReadMount(item, &mount); !status.ok()) {
        return status;
      }
      const auto [first, fresh] =
          lines.emplace(mount.at, item.line);
      if (!fresh) {
        return Error(item, absl::StrCat("a mount at ", mount.at.ToText(),
                                        " was already given on line ",
                                        first->second));
      }
      config_->places[MountKey(mount.at)] = PlaceOf(item);
      config_->mounts.push_back(std::move(mount));
    }
    return absl::OkStatus();
  }

  absl::Status ByRpc(const YamlNode& node) {
    MountsByRpc& allowed = config_->mounts_by_rpc;
    return ReadMap(
        node, "mounts_by_rpc",
        {{"directories", Texts(&allowed.directories, ReadDirectory)},
         {"addresses", Texts(&allowed.addresses, ReadAddress)},
         // 0: nobody mounts by calls.
         {"at_most", Number(&allowed.at_most, 0, 10'000)}});
  }

  static absl::StatusOr<std::string> ReadDirectory(const std::string& text) {
    if (text.starts_with('/') && text.find('\0') == std::string::npos) {
      return NormalDirectory(text);
    }
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not an absolute directory, such as "
                     "/srv/app"));
  }

  static absl::StatusOr<std::string> ReadAddress(const std::string& text) {
    if (!text.empty()) return text;
    return absl::InvalidArgumentError(
        "an address must not be empty: name it as clients do, such as "
        "store.example.com:7420");
  }

  // A list of texts, each as `read` gives it.
  ReadValue Texts(std::vector<std::string>* to,
                  absl::StatusOr<std::string> (*read)(const std::string&)) {
    return [this, to, read](const YamlNode& node) -> absl::Status {
      if (!node.is_list()) {
        return absl::InvalidArgumentError("must be a list of texts");
      }
      to->clear();
      for (const YamlNodePtr& pointer : node.items) {
        const YamlNode& item = *pointer;
        if (!IsText(item)) return Error(item, "must be a text");
        absl::StatusOr<std::string> text = read(item.text);
        if (!text.ok()) return Error(item, std::string(text.status().message()));
        to->push_back(*std::move(text));
      }
      return absl::OkStatus();
    };
  }

  absl::Status Exports(const YamlNode& node) {
    if (!node.is_list()) {
      return absl::InvalidArgumentError("must be a list of {path: PATH}");
    }
    config_->exports.clear();
    for (const YamlNodePtr& pointer : node.items) {
      const YamlNode& item = *pointer;
      std::optional<Path> path;
      absl::Status status = ReadMap(
          item, "an export",
          {{"path", [&](const YamlNode& value) -> absl::Status {
              if (!IsText(value)) {
                return absl::InvalidArgumentError(
                    "must be a path such as /shared");
              }
              absl::StatusOr<Path> parsed = Path::Parse(value.text);
              if (!parsed.ok()) return parsed.status();
              path = *std::move(parsed);
              return absl::OkStatus();
            }}});
      if (!status.ok()) return status;
      if (!path.has_value()) return Error(item, "an export needs a path");
      // Of one that is there twice, the second is wrong.
      config_->places[ExportKey(*path)] = PlaceOf(item);
      config_->exports.push_back(*std::move(path));
    }
    return absl::OkStatus();
  }

  absl::Status TrustedProxies(const YamlNode& node) {
    if (!node.is_list()) {
      return absl::InvalidArgumentError(
          "must be a list of addresses and networks, such as [10.0.0.0/8]");
    }
    config_->trusted_proxies.clear();
    for (const YamlNodePtr& pointer : node.items) {
      const YamlNode& item = *pointer;
      absl::StatusOr<AddressRange> range =
          AddressRange::Parse(IsText(item) ? item.text : "");
      if (!range.ok()) return Error(item, std::string(range.status().message()));
      config_->trusted_proxies.push_back(*range);
    }
    return absl::OkStatus();
  }

  absl::Status ReadMount(const YamlNode& item, MountConfig* mount) {
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
      if (item.Find(needed) == nullptr) {
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
      if (backend != mount->backend && item.Find(key) != nullptr) {
        return Error(
            item, absl::StrCat(key, " is only for ",
                               AbslView(BackendKindName(backend)), " mounts"));
      }
    }
    status = CheckMount(*mount);
    return status.ok() ? status : Error(item, std::string(status.message()));
  }

  absl::Status Limits(const YamlNode& node) {
    LimitsConfig& limits = config_->limits;
    RequestLimits& request = limits.request;
    DerivationLimits& derivations = limits.derivations;
    constexpr size_t kKilo = size_t{1} << 10;
    constexpr size_t kMega = size_t{1} << 20;
    constexpr size_t kGiga = size_t{1} << 30;
    constexpr size_t kMany = 100'000'000;
    constexpr size_t kBillion = 1'000'000'000;
    Keys keys = {
        {"per_client", Switch(&limits.per_client)},
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
         {"commit_queue_length_per_client",
          Number(&limits.commit_queue_length_per_client, 1, kMany)},
         {"commit_queue_bytes_per_client",
          Number(&limits.commit_queue_bytes_per_client, 64 * kKilo,
                 64 * kGiga)},
         {"last_changes_bytes",
          Number(&limits.last_changes_bytes, 64 * kKilo, 64 * kGiga)},
         {"history_bytes",
          Number(&limits.history_bytes, 64 * kKilo, 1024 * kGiga)},
         {"history_age", Time(&limits.history_age)},
         {"block_cache_bytes",
          Number(&limits.block_cache_bytes, 64 * kKilo, 1024 * kGiga)},
         {"write_buffer_bytes",
          Number(&limits.write_buffer_bytes, 64 * kKilo, 4 * kGiga)},
         {"request_ids_bytes",
          Number(&limits.request_ids_bytes, 64 * kKilo, 64 * kGiga)},
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
         {"derivation_wait", Time(&derivations.longest_wait,
                                  absl::Milliseconds(1), absl::Hours(1))},
         {"derivation_commit_instructions",
          Number(&derivations.commit_instructions, 1'000, kBillion)},
         {"derivation_source_bytes",
          Number(&derivations.max_source_bytes, kKilo, 64 * kGiga)},
         {"derivation_runs", Number(&derivations.max_runs, 1, 1'000)},
         {"derivations", Number(&derivations.max_definitions, 1, kMany)},
         {"derivations_per_client",
          Number(&derivations.max_definitions_per_definer, 1, kMany)}};
    // What all clients may hold together, and what each may.
    const std::vector<std::pair<std::string, Holding>> holdings = {
        {"sessions", Holding::kSessions},
        {"streams", Holding::kStreams},
        {"subscriptions", Holding::kSubscriptions},
        {"subscribed_patterns", Holding::kPatterns},
        {"snapshots", Holding::kSnapshots},
        {"trackers", Holding::kTrackers},
        {"waits", Holding::kWaits},
        {"queued_bytes", Holding::kQueuedBytes},
        {"interceptions", Holding::kInterceptions}};
    for (const auto& [key, what] : holdings) {
      HoldingBounds& bounds = limits.clients[what];
      const size_t most =
          what == Holding::kQueuedBytes ? 1024 * kGiga : kMany;
      keys.emplace(key, Number(&bounds.in_all, 1, most));
      keys.emplace(key + "_per_client", Number(&bounds.per_client, 1, most));
    }
    return ReadMap(node, "limits", keys);
  }

  const std::string name_;
  Config* const config_;
};

}  // namespace

absl::Status ReadConfigText(const std::string& text, const std::string& name,
                            Config* config) {
  const auto mistake = [&name](size_t line, std::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ":", line, ": ", AbslView(what)));
  };
  absl::StatusOr<YamlNodePtr> root = ReadYaml(text, YamlLimits(), mistake);
  if (!root.ok()) return root.status();
  // An empty file, or one of comments.
  if (*root == nullptr) return absl::OkStatus();
  return Reader(name, config).Read(**root);
}

absl::Status ReadConfigFile(const std::string& file, Config* config) {
  std::ifstream in(file);
  std::string text(kMostFileBytes + 1, '\0');
  if (!in || (!in.read(text.data(), kMostFileBytes + 1) && in.gcount() == 0)) {
    return absl::NotFoundError(
        absl::StrCat("cannot read the configuration file ", file, ": ",
                     errno == 0 ? "it is empty or no file" : strerror(errno)));
  }
  if (in.gcount() > kMostFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the configuration file ", file, " is larger than ",
                     kMostFileBytes, " bytes: name another one"));
  }
  text.resize(in.gcount());
  return ReadConfigText(text, file, config);
}

}  // namespace restate
