#include "service/server/engine_builder.h"

#include <spdlog/spdlog.h>

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "engine/backend/commit_store.h"
#include "engine/backend/epoch.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/commit/mount_records.h"
#include "engine/derivation/derived_store.h"
#include "engine/error/error.h"
#include "restate/v1/mount.pb.h"
#include "service/mounts/mount_adapter.h"
#include "service/server/data_directory.h"

namespace restate {
namespace {

// What the record of a salvage says, for the log.
void LogLosses(const RocksDbStore& store) {
  const auto& records = store.state().records;
  const auto losses = records.find(std::string(kLossesRecord));
  if (losses == records.end()) return;
  spdlog::warn(
      "the store was damaged, and --accept-data-loss has it go on in a new "
      "epoch, {}, with what could be read; when, what was damaged, where the "
      "damaged files are kept, and what is lost:",
      store.state().epoch);
  for (absl::string_view line : absl::StrSplit(losses->second, '\n')) {
    spdlog::warn("  {}", std::string(line));
  }
}

// `damage` is what an earlier attempt to start has found.
absl::StatusOr<std::unique_ptr<RocksDbStore>> OpenStore(
    const Config& config, const absl::Status& damage) {
  const std::string& data_dir = config.data_dir;
  if (absl::Status status = PrepareDataDirectory(data_dir); !status.ok()) {
    return status;
  }
  const std::filesystem::path directory =
      std::filesystem::path(data_dir) / kStoreDirectory;
  RocksDbOptions options;
  options.directory = directory.string();
  options.block_cache_bytes = config.limits.block_cache_bytes;
  options.write_buffer_bytes = config.limits.write_buffer_bytes;
  options.accept_data_loss = config.accept_data_loss;
  options.known_damage = damage;
  absl::StatusOr<std::unique_ptr<RocksDbStore>> store =
      RocksDbStore::Open(options);
  if (!store.ok() || !config.accept_data_loss) return store;
  if ((*store)->salvaged()) {
    LogLosses(**store);
  } else {
    spdlog::info(
        "no damage was found in {}: --accept-data-loss changes nothing, and "
        "the start is quicker without it",
        options.directory);
  }
  return store;
}

// No mount of the configuration is over the server's own data.
absl::Status CheckConfigured(const Config& config,
                             const MountPermission& permission) {
  for (const MountConfig& mount : config.mounts) {
    absl::Status status = permission.CheckConfigured(mount);
    if (status.ok()) continue;
    return Annotate(status, absl::StrCat("the configuration's mount at ",
                                         mount.at.ToText(), ": "));
  }
  return absl::OkStatus();
}

// Stands in for a mount that cannot be opened, so that the rest is served.
Mount DownMount(const MountConfig& mount, const absl::Status& why,
                MountFactory* factory) {
  spdlog::error("the mount at {} is down: {}", mount.at.ToText(),
                std::string(why.message()));
  return factory->MakeDown(mount, why);
}

// The mounts that the configuration names.
absl::Status OpenConfigured(const Config& config, Revision last_revision,
                            MountFactory* factory,
                            std::vector<Mount>* mounts) {
  for (const MountConfig& mount : config.mounts) {
    absl::StatusOr<Mount> opened = factory->Open(
        mount, MountFactory::Source::kConfiguration, last_revision);
    if (!opened.ok() && mount.backend == BackendKind::kRocksDb) {
      // The store itself.
      return Annotate(opened.status(),
                      absl::StrCat("the mount at ", mount.at.ToText(),
                                   " cannot be opened: "));
    }
    if (!opened.ok()) opened = DownMount(mount, opened.status(), factory);
    mounts->push_back(*std::move(opened));
  }
  return absl::OkStatus();
}

// Those that were mounted by calls, where the configuration has none.
absl::Status OpenRecorded(const RocksDbStore& store, Revision last_revision,
                          MountFactory* factory, std::vector<Mount>* mounts) {
  std::set<Path> taken;
  for (const Mount& mount : *mounts) taken.insert(mount.at);
  const std::string_view prefix = mount_records::kDefinitionPrefix;
  for (const auto& [key, definition] : store.state().records) {
    if (!key.starts_with(prefix)) continue;
    v1::MountSpec spec;
    absl::StatusOr<MountConfig> mount = absl::DataLossError("not a message");
    if (spec.ParseFromString(definition)) mount = DecodeMountSpec(spec);
    if (!mount.ok()) {
      return MakeError(
          Reason::kCorrupt,
          absl::StrCat("the record of a mount in the data directory cannot be "
                       "read (",
                       std::string(mount.status().message()),
                       "): a newer server may have written it, or it is "
                       "damaged; start that server, or restore a backup"));
    }
    if (taken.contains(mount->at)) {
      spdlog::info(
          "the configuration's mount at {} stands before the one that was "
          "mounted there by a call",
          mount->at.ToText());
      continue;
    }
    // Also when the configuration has ceased to allow it since.
    absl::StatusOr<Mount> opened =
        factory->Open(*mount, MountFactory::Source::kRecord, last_revision);
    if (!opened.ok() && mount->backend == BackendKind::kRocksDb) {
      return opened.status();
    }
    if (!opened.ok()) opened = DownMount(*mount, opened.status(), factory);
    opened->definition = definition;
    mounts->push_back(*std::move(opened));
  }
  return absl::OkStatus();
}

// `damage` is what an earlier attempt has found in the store; this one notes
// what it finds in `found`.
absl::StatusOr<Engine> TryToStart(
    const Config& config, const Clock* clock,
    const std::function<void(bool taking_writes)>& health_changed,
    const absl::Status& damage, absl::Status* found) {
  ControllerOptions options;
  options.clock = clock;
  options.health_changed = health_changed;
  options.exports = config.exports;
  options.queue = {
      .commits = config.limits.commit_queue_length,
      .bytes = config.limits.commit_queue_bytes,
      .commits_per_client = config.limits.commit_queue_length_per_client,
      .bytes_per_client = config.limits.commit_queue_bytes_per_client};
  options.last_changes_bytes = config.limits.last_changes_bytes;
  options.history.emplace();
  options.history->bytes = config.limits.history_bytes;
  options.history->age = config.limits.history_age;
  options.requests.bytes = config.limits.request_ids_bytes;
  options.sessions.grace = config.limits.session_grace;
  options.clients = config.limits.clients;
  options.sessions.max_subscriptions = config.limits.session_subscriptions;
  options.sessions.max_queue_bytes = config.limits.queue_bytes;
  options.interceptions.timeout = config.limits.acknowledge_timeout;
  options.derivations = config.limits.derivations;

  const MountPermission permission(config.mounts_by_rpc, config.data_dir);
  absl::Status status = CheckConfigured(config, permission);
  if (!status.ok()) return status;
  Engine engine;
  absl::StatusOr<std::unique_ptr<JobPool>> jobs = JobPool::Start();
  if (!jobs.ok()) return jobs.status();
  engine.jobs = *std::move(jobs);
  options.jobs = engine.jobs.get();

  // With a data directory the store decides commits even if every mount is in
  // memory: revisions then go on after a restart.
  std::unique_ptr<RocksDbStore> store;
  if (!config.data_dir.empty()) {
    absl::StatusOr<std::unique_ptr<RocksDbStore>> opened =
        OpenStore(config, damage);
    if (!opened.ok()) return opened.status();
    store = *std::move(opened);
  }
  MountFactory::Options factory;
  factory.store = store.get();
  factory.writer = store != nullptr ? store->state().epoch : NewEpoch();
  factory.write_limits = config.limits.request.write;
  factory.jobs = engine.jobs.get();
  factory.permission = permission;
  factory.files_umask = config.files_umask;
  const Revision last_revision = store != nullptr ? store->state().reserved : 0;
  engine.mounts = std::make_unique<MountFactory>(std::move(factory));
  status = OpenConfigured(config, last_revision, engine.mounts.get(),
                          &options.mounts);
  if (status.ok() && store != nullptr) {
    status = OpenRecorded(*store, last_revision, engine.mounts.get(),
                          &options.mounts);
  }
  if (!status.ok()) return status;
  // All were asked at once.
  for (const Mount& mount : options.mounts) mount.backend->AwaitFirstContact();
  if (store != nullptr) {
    absl::StatusOr<std::unique_ptr<Backend>> derived =
        store->OpenMount(DerivedStorePlace());
    if (!derived.ok()) return derived.status();
    options.derived_store = *std::move(derived);
  }
  options.commit_store = std::move(store);
  absl::StatusOr<std::unique_ptr<Controller>> controller =
      Controller::Start(std::move(options));
  if (!controller.ok()) {
    *found = controller.status();
    return *found;
  }
  engine.controller = *std::move(controller);
  return engine;
}

}  // namespace

absl::StatusOr<Engine> StartEngine(
    const Config& config, const Clock* clock,
    const std::function<void(bool taking_writes)>& health_changed) {
  absl::Status found;
  absl::StatusOr<Engine> engine =
      TryToStart(config, clock, health_changed, absl::OkStatus(), &found);
  if (!config.accept_data_loss || !absl::IsDataLoss(found)) return engine;
  // The files are whole, and what the records in them say is not.
  const absl::Status damage = found;
  return TryToStart(config, clock, health_changed, damage, &found);
}

}  // namespace restate
