#ifndef RESTATE_SERVICE_SERVER_ENGINE_BUILDER_H_
#define RESTATE_SERVICE_SERVER_ENGINE_BUILDER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "service/config/config.h"

namespace restate {

// Opens the stores that the configuration names and starts the engine on them.
// The data directory is made if it is not there; RocksDB lives in its
// subdirectory "rocksdb". `config` is complete (see Complete); `clock` outlives
// the controller.
//   FAILED_PRECONDITION: the data directory cannot be made.
//   Errors of RocksDbStore::Open and Controller::Start.
absl::StatusOr<std::unique_ptr<Controller>> StartEngine(const Config& config,
                                                        const Clock* clock);

}  // namespace restate

#endif  // RESTATE_SERVICE_SERVER_ENGINE_BUILDER_H_
