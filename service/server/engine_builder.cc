#include "service/server/engine_builder.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/backend/rocksdb/rocksdb_store.h"

namespace restate {
namespace {

absl::StatusOr<std::unique_ptr<RocksDbStore>> OpenStore(
    const Config& config) {
  const std::string& data_dir = config.data_dir;
  const std::filesystem::path directory =
      std::filesystem::path(data_dir) / "rocksdb";
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot make the data directory ", data_dir, ": ", error.message()));
  }
  RocksDbOptions options;
  options.directory = directory.string();
  options.block_cache_bytes = config.limits.block_cache_bytes;
  return RocksDbStore::Open(options);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Controller>> StartEngine(const Config& config,
                                                        const Clock* clock) {
  ControllerOptions options;
  options.clock = clock;
  options.exports = config.exports;
  options.max_queued_commits = config.limits.commit_queue_length;
  options.max_queued_bytes = config.limits.commit_queue_bytes;
  options.last_changes_bytes = config.limits.last_changes_bytes;
  options.history.emplace();
  options.history->bytes = config.limits.history_bytes;
  options.history->age = config.limits.history_age;
  options.requests.bytes = config.limits.request_ids_bytes;
  options.sessions.grace = config.limits.session_grace;
  options.sessions.max_sessions = config.limits.sessions;
  options.sessions.max_subscriptions = config.limits.session_subscriptions;
  options.sessions.max_queue_bytes = config.limits.queue_bytes;
  options.interceptions.timeout = config.limits.acknowledge_timeout;

  // With a data directory the store decides commits even if every mount is in
  // memory: revisions then go on after a restart.
  std::unique_ptr<RocksDbStore> store;
  if (!config.data_dir.empty()) {
    absl::StatusOr<std::unique_ptr<RocksDbStore>> opened =
        OpenStore(config);
    if (!opened.ok()) return opened.status();
    store = *std::move(opened);
  }
  for (const MountConfig& mount : config.mounts) {
    switch (mount.backend) {
      case BackendKind::kMemory:
        options.mounts.push_back({mount.at, std::make_unique<MemoryBackend>()});
        break;
      case BackendKind::kRocksDb: {
        absl::StatusOr<std::unique_ptr<Backend>> backend =
            store->OpenMount(mount.at);
        if (!backend.ok()) return backend.status();
        options.mounts.push_back({mount.at, *std::move(backend)});
        break;
      }
    }
  }
  options.commit_store = std::move(store);
  return Controller::Start(std::move(options));
}

}  // namespace restate
