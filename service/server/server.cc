#include "service/server/server.h"

#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.pb.h"
#include "service/adapters/time_adapter.h"
#include "service/config/command_line.h"
#include "service/metrics/metrics_collector.h"
#include "service/server/grpc_timers.h"

namespace restate {
namespace {

constexpr absl::Duration kTickInterval = absl::Seconds(1);
// How late a deadline of the engine may be.
constexpr absl::Duration kEngineTickInterval = absl::Milliseconds(50);
// How long Stop waits for streams whose clients read slowly, and then for calls
// that are not ours, such as somebody watching the health.
constexpr absl::Duration kStreamGrace = absl::Seconds(5);
constexpr absl::Duration kCallGrace = absl::Milliseconds(500);

// How many reads of stores in a network go on at a time.
constexpr size_t kPatientThreads = 8;
// How many large requests and answers are converted at a time.
constexpr size_t kLargeThreads = 2;

// A peer that is gone without a word is found within 40 s.
constexpr int kKeepaliveMillis = 30'000;
constexpr int kKeepaliveTimeoutMillis = 10'000;
// How often clients may ask the same of us, without calls too.
constexpr int kMinClientPingMillis = 10'000;

// What gRPC adds to a message does not count.
int GrpcBytes(size_t bytes) { return static_cast<int>(bytes); }

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Config& config,
                                                      const Clock* clock) {
  auto health = std::make_unique<HealthReport>();
  absl::StatusOr<Engine> engine = StartEngine(
      config, clock, [raw = health.get()](bool taking_writes) {
        raw->Report(taking_writes);
      });
  if (!engine.ok()) return engine.status();
  std::unique_ptr<Server> server(
      new Server(config, clock, std::move(health), *std::move(engine)));
  absl::Status status = server->ThreadsStarted();
  // Metrics first: a server that does not start has served no call.
  if (status.ok()) status = server->ServeMetrics(config);
  if (status.ok()) status = server->Listen(config);
  if (!status.ok()) return status;
  return server;
}

Server::Server(const Config& config, const Clock* clock,
               std::unique_ptr<HealthReport> health, Engine engine)
    : clock_(clock),
      health_(std::move(health)),
      jobs_(std::move(engine.jobs)),
      mount_factory_(std::move(engine.mounts)),
      controller_(std::move(engine.controller)),
      clients_({.per_client = config.limits.per_client,
                .trusted_proxies = config.trusted_proxies}),
      read_thread_("restate-read"),
      subscribe_thread_("restate-subscr"),
      restore_thread_("restate-restore"),
      mount_thread_("restate-mount"),
      pump_threads_("restate-pump"),
      patient_threads_("restate-wait", kPatientThreads),
      large_threads_("restate-large", kLargeThreads, Thread::Priority::kLow),
      mount_operations_({.controller = controller_.get(),
                         .factory = mount_factory_.get(),
                         .worker = &mount_thread_},
                        config.mounts),
      state_service_({.controller = controller_.get(),
                      .clock = clock,
                      .clients = &clients_,
                      .limits = config.limits.request,
                      .open_streams = &open_streams_,
                      .calls = &calls_,
                      .worker = &read_thread_,
                      .patient = &patient_threads_,
                      .large = &large_threads_}),
      event_service_({.controller = controller_.get(),
                      .clock = clock,
                      .clients = &clients_,
                      .limits = config.limits.request,
                      .queue_bytes = config.limits.queue_bytes,
                      .open_streams = &open_streams_,
                      .calls = &calls_,
                      .subscriber = &subscribe_thread_,
                      .pumps = &pump_threads_,
                      .patient = &patient_threads_}),
      derivation_service_(controller_.get(), &clients_, config.limits.request,
                          &calls_),
      admin_service_({.controller = controller_.get(),
                      .clock = clock,
                      .clients = &clients_,
                      .open_streams = &open_streams_,
                      .calls = &calls_,
                      .worker = &subscribe_thread_,
                      .patient = &patient_threads_,
                      .restorer = &restore_thread_,
                      .mounts = &mount_operations_}),
      export_service_({.controller = controller_.get(),
                       .limits = config.limits.request,
                       .exports = config.exports,
                       .calls = &calls_}),
      mount_log_(&mount_operations_) {}

Server::~Server() {
  const absl::Status status = Stop();
  if (!status.ok()) spdlog::error("stopping: {}", status.ToString());
}

absl::Status Server::ThreadsStarted() const {
  for (const absl::Status& status :
       {read_thread_.status(), subscribe_thread_.status(),
        restore_thread_.status(), mount_thread_.status(),
        pump_threads_.status(), patient_threads_.status(),
        export_service_.status()}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Server::ServeMetrics(const Config& config) {
  if (config.http_listen == kNoHttp) return absl::OkStatus();
  auto collector = std::make_shared<MetricsCollector>(MetricsCollector::Sources{
      .measure = [controller =
                      controller_.get()] { return controller->Measure(); },
      .calls = &calls_,
      .clock = clock_,
      .version = kVersion,
      .epoch = controller_->epoch()});
  const bool asked_for = !config.http_listen.empty();
  absl::StatusOr<std::unique_ptr<MetricsServer>> started = MetricsServer::Start(
      asked_for ? config.http_listen : kDefaultHttpListen,
      std::move(collector));
  if (started.ok()) {
    metrics_server_ = *std::move(started);
    return absl::OkStatus();
  }
  if (asked_for) return started.status();
  spdlog::warn("going without metrics: {}", started.status().ToString());
  return absl::OkStatus();
}

absl::Status Server::Listen(const Config& config) {
  // These register themselves when their libraries are loaded, but nothing
  // would load them if nothing were called.
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::channelz::experimental::InitChannelzService();
  // gRPC serves health checks without a descriptor; reflection needs one.
  google::protobuf::LinkMessageReflection<
      grpc::health::v1::HealthCheckRequest>();

  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(config.listen, grpc::InsecureServerCredentials(),
                           &port);
  // Two servers on one port are a mistake, not a way to share the load.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(
      GrpcBytes(config.limits.request.max_message_bytes));
  builder.SetMaxSendMessageSize(
      GrpcBytes(config.limits.request.max_message_bytes));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMillis);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             kKeepaliveTimeoutMillis);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      kMinClientPingMillis);
  builder.RegisterService(&state_service_);
  builder.RegisterService(&event_service_);
  builder.RegisterService(&derivation_service_);
  builder.RegisterService(&admin_service_);
  builder.RegisterService(&export_service_);
  grpc_server_ = builder.BuildAndStart();
  if (grpc_server_ == nullptr || port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", config.listen,
                     ": is another server there, or the host not this one?"));
  }
  address_ = absl::StrCat(
      config.listen.substr(0, config.listen.rfind(':')), ":", port);
  health_->Start(grpc_server_->GetHealthCheckService());
  engine_ticker_ = std::make_unique<Ticker>(
      kEngineTickInterval, [this] { controller_->Tick(clock_->Monotonic()); });
  ticker_ = std::make_unique<Ticker>(kTickInterval, [this] { Tick(); });
  return engine_ticker_->status().ok() ? ticker_->status()
                                       : engine_ticker_->status();
}

void Server::Tick() {
  RunOverdueGrpcTimers();
  open_streams_.CheckTime(clock_->Monotonic());
  state_service_.pinned_states()->DropExpired();
  mount_log_.Look();
  const absl::Status health = controller_->Health();
  // A store that is to be opened again waits for all who look at it.
  if (!health.ok()) state_service_.pinned_states()->DropAll();
  if (health.ok() == healthy_) return;
  healthy_ = health.ok();
  if (healthy_) {
    spdlog::info("taking writes again");
  } else {
    spdlog::error("taking no writes: {}", health.ToString());
  }
}

absl::Status Server::Stop() {
  if (stopped_) return absl::OkStatus();
  stopped_ = true;
  metrics_server_.reset();
  engine_ticker_.reset();
  ticker_.reset();
  health_->Stop();
  open_streams_.Drain();
  const absl::Status status = controller_->Stop();
  if (!open_streams_.WaitUntilNone(kStreamGrace)) {
    spdlog::warn("{} streams are not read to their end: cutting them off",
                 open_streams_.count());
  }
  if (grpc_server_ != nullptr) {
    grpc_server_->Shutdown(GrpcDeadline(kCallGrace));
  }
  state_service_.pinned_states()->DropAll();
  return status;
}

}  // namespace restate
