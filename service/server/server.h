#ifndef RESTATE_SERVICE_SERVER_SERVER_H_
#define RESTATE_SERVICE_SERVER_SERVER_H_

#include <grpcpp/server.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "service/admin/admin_service.h"
#include "service/clients/peer_clients.h"
#include "service/config/config.h"
#include "service/derivations/derivation_service.h"
#include "service/events/event_service.h"
#include "service/exports/export_service.h"
#include "service/metrics/call_counters.h"
#include "service/metrics/metrics_server.h"
#include "service/mounts/mount_factory.h"
#include "service/mounts/mount_log.h"
#include "service/mounts/mount_operations.h"
#include "service/server/engine_builder.h"
#include "service/server/health_report.h"
#include "service/server/ticker.h"
#include "service/state/state_service.h"
#include "service/streams/open_streams.h"
#include "service/streams/work_thread.h"
#include "service/streams/work_threads.h"

namespace restate {

// A running server: the engine with its stores, and the gRPC services in front
// of it: StateService, EventService, DerivationService, AdminService,
// BackendService, health (grpc.health.v1, per service), reflection and
// channelz; and metrics over HTTP.
class Server {
 public:
  // Opens the stores, and serves. `config` is complete (see Complete); `clock`
  // outlives the server.
  //   UNAVAILABLE: one of the addresses cannot be listened on.
  //   RESOURCE_EXHAUSTED / TOO_MANY_THREADS.
  //   Errors of StartEngine.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Config& config,
                                                       const Clock* clock);
  // Calls Stop.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // HOST:PORT with the port that is really listened on.
  const std::string& address() const { return address_; }
  // The same of the metrics; empty if there are none.
  std::string http_address() const {
    return metrics_server_ == nullptr ? "" : metrics_server_->address();
  }

  // Ends in order: reports NOT_SERVING; takes no new commits and finishes those
  // queued; ends every stream with UNAVAILABLE / SHUTTING_DOWN after what it
  // holds, waiting a few seconds for slow readers; closes the stores. Returns
  // what closing them said. Idempotent; call from one thread.
  absl::Status Stop();

 private:
  Server(const Config& config, const Clock* clock,
         std::unique_ptr<HealthReport> health, Engine engine);

  // Whether the threads of the members could be started.
  absl::Status ThreadsStarted() const;
  absl::Status ServeMetrics(const Config& config);
  absl::Status Listen(const Config& config);
  // Once a second.
  void Tick();

  const Clock* const clock_;
  // In the order in which they need each other; destroyed the other way round.
  const std::unique_ptr<HealthReport> health_;
  const std::unique_ptr<JobPool> jobs_;
  const std::unique_ptr<MountFactory> mount_factory_;
  const std::unique_ptr<Controller> controller_;
  const PeerClients clients_;
  CallCounters calls_;
  OpenStreams open_streams_;
  WorkThread read_thread_;
  WorkThread subscribe_thread_;
  WorkThread restore_thread_;
  WorkThread mount_thread_;
  WorkThreads pump_threads_;
  WorkThreads patient_threads_;
  WorkThreads large_threads_;
  MountOperations mount_operations_;
  StateService state_service_;
  EventService event_service_;
  DerivationService derivation_service_;
  AdminService admin_service_;
  ExportService export_service_;
  std::unique_ptr<MetricsServer> metrics_server_;
  std::unique_ptr<grpc::Server> grpc_server_;
  // Deadlines and grace times of the engine, and everything slower.
  std::unique_ptr<Ticker> engine_ticker_;
  std::unique_ptr<Ticker> ticker_;

  std::string address_;
  // Used by the ticker alone.
  bool healthy_ = true;
  MountLog mount_log_;
  bool stopped_ = false;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_SERVER_SERVER_H_
