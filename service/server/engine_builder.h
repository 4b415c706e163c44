#ifndef RESTATE_SERVICE_SERVER_ENGINE_BUILDER_H_
#define RESTATE_SERVICE_SERVER_ENGINE_BUILDER_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "engine/threads/job_pool.h"
#include "service/config/config.h"
#include "service/mounts/mount_factory.h"

namespace restate {

// The engine, and what opens more mounts for it. Each needs those above it.
struct Engine {
  std::unique_ptr<JobPool> jobs;
  std::unique_ptr<MountFactory> mounts;
  std::unique_ptr<Controller> controller;
};

// Opens the stores that the configuration names, and those that were mounted
// while the server ran and not unmounted, and starts the engine on them. One of
// the latter that cannot be opened is mounted all the same, and is down.
// The data directory is made if it is not there; RocksDB lives in its
// subdirectory "rocksdb". `config` is complete (see Complete); `clock` outlives
// the controller.
// With Config::accept_data_loss a damaged store is replaced by what can be read
// of it, and the log tells what is lost.
//   FAILED_PRECONDITION: the data directory cannot be made; a configured mount
//     is of it.
//   RESOURCE_EXHAUSTED / TOO_MANY_THREADS.
//   DATA_LOSS / CORRUPT: the record of a mount cannot be read; the store is
//     damaged.
//   Errors of RocksDbStore::Open, MountFactory::Open and Controller::Start.
// `health_changed` as in SequencerOptions.
absl::StatusOr<Engine> StartEngine(
    const Config& config, const Clock* clock,
    const std::function<void(bool taking_writes)>& health_changed);

}  // namespace restate

#endif  // RESTATE_SERVICE_SERVER_ENGINE_BUILDER_H_
