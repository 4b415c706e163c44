#include "service/admin/admin_service.h"

#include <cstdint>
#include <memory>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "engine/backend/commit_store.h"
#include "engine/backup/backup_writer.h"
#include "engine/backup/restorer.h"
#include "engine/error/error.h"
#include "engine/request/answered_requests.h"
#include "service/adapters/status_adapter.h"
#include "service/adapters/time_adapter.h"
#include "service/admin/restored_mounts.h"
#include "service/admin/backup_source.h"
#include "service/config/command_line.h"
#include "service/streams/stream_pump.h"

namespace restate {
namespace {

// How long a reader of a backup may take for one message: what it shows is kept
// for it.
constexpr absl::Duration kBackupPatience = absl::Seconds(60);

void EncodeHistory(const Controller::Status& status, v1::HistoryStatus* proto) {
  proto->set_oldest_revision(status.history_oldest);
  if (status.history_oldest_time != absl::InfiniteFuture()) {
    EncodeTime(status.history_oldest_time, proto->mutable_oldest_commit_time());
  }
  proto->set_bytes(static_cast<int64_t>(status.history_bytes));
}

void EncodeDerivations(const DerivationCounts& counts,
                       v1::DerivationsStatus* proto) {
  proto->set_ok(static_cast<int64_t>(counts.ok));
  proto->set_error(static_cast<int64_t>(counts.error));
  proto->set_stale(static_cast<int64_t>(counts.stale));
  proto->set_over_budget(static_cast<int64_t>(counts.over_budget));
}

void EncodeRequestIds(const AnsweredRequests::Status& status,
                      v1::RequestIdsStatus* proto) {
  proto->set_count(static_cast<int64_t>(status.count));
  proto->set_bytes(static_cast<int64_t>(status.bytes));
  if (status.oldest != absl::InfinitePast()) {
    EncodeTime(status.oldest, proto->mutable_oldest_time());
  }
}

// From the lines of the record.
void EncodeLosses(const std::string& record, v1::AcceptedLoss* proto) {
  const std::vector<std::string> lines = absl::StrSplit(record, '\n');
  constexpr size_t kFirstLoss = 3;
  if (lines.size() < kFirstLoss) return;
  absl::Time time;
  if (absl::ParseTime(absl::RFC3339_full, lines[0], &time, nullptr)) {
    EncodeTime(time, proto->mutable_time());
  }
  proto->set_damage(lines[1]);
  proto->set_damaged_files(lines[2]);
  for (size_t i = kFirstLoss; i < lines.size(); ++i) {
    proto->add_losses(lines[i]);
  }
}

}  // namespace

grpc::ServerUnaryReactor* AdminService::GetStatus(
    grpc::CallbackServerContext* context, const v1::GetStatusRequest* request,
    v1::GetStatusResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kGetStatus, context);
  Controller& controller = *parts_.controller;
  const Controller::Status status = controller.GetStatus();
  const absl::Status health = controller.Health();
  response->set_revision(controller.Published()->revision());
  response->set_epoch(controller.epoch());
  response->set_taking_writes(health.ok());
  response->set_problem(health.ok() ? IncompleteRestore(controller)
                                    : std::string(health.message()));
  if (restore_.under_way) {
    v1::BackupProgress& restore = *response->mutable_restore();
    restore.set_entries(restore_.progress.entries);
    restore.set_expected_entries(restore_.progress.expected_entries);
  }
  EncodeHistory(status, response->mutable_history());
  response->set_sessions(static_cast<int64_t>(status.sessions));
  response->set_subscriptions(static_cast<int64_t>(status.subscriptions));
  response->set_unacknowledged(static_cast<int64_t>(status.unacknowledged));
  EncodeRequestIds(status.requests, response->mutable_request_ids());
  EncodeDerivations(status.derivations, response->mutable_derivations());
  response->set_trackers(static_cast<int64_t>(status.trackers));
  for (const auto& [key, record] :
       controller.RecordsWithPrefix(kLossesRecord)) {
    EncodeLosses(record, response->mutable_accepted_loss());
  }
  for (const v1::MountInfo& mount : parts_.mounts->List()) {
    if (mount.state() == v1::MOUNT_STATE_UP) continue;
    v1::MountProblem& problem = *response->add_mount_problems();
    *problem.mutable_path() = mount.spec().path();
    problem.set_state(mount.state());
    *problem.mutable_problems() = mount.problems();
  }
  call.Finish(absl::OkStatus());
  return call.reactor();
}

grpc::ServerUnaryReactor* AdminService::Compact(
    grpc::CallbackServerContext* context, const v1::CompactRequest* request,
    v1::CompactResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kCompact, context);
  absl::Status status = parts_.controller->CheckEpoch(request->epoch());
  if (status.ok() && request->through_revision() <= 0) {
    status = MakeError(
        Reason::kInvalidRequest,
        absl::StrCat("through_revision is ", request->through_revision(),
                     "; it must be positive"));
  }
  if (!status.ok()) {
    call.Finish(status);
    return call.reactor();
  }
  parts_.worker->Post([this, call, request, response] {
    const absl::Status compacted =
        parts_.controller->Compact(request->through_revision());
    if (compacted.ok()) {
      EncodeHistory(parts_.controller->GetStatus(),
                    response->mutable_history());
    }
    call.Finish(compacted);
  });
  return call.reactor();
}

namespace {

// About how many own values the mounts hold, as far as they can tell.
int64_t ExpectedEntries(const Controller& controller) {
  int64_t entries = 0;
  for (const auto& mounted : controller.Mounts()) {
    const BackendSize size = mounted->backend().Size();
    entries += static_cast<int64_t>(size.own_values.value_or(0));
  }
  return entries;
}

}  // namespace

grpc::ServerWriteReactor<v1::BackupResponse>* AdminService::Backup(
    grpc::CallbackServerContext* context, const v1::BackupRequest* request) {
  using Pump = StreamPump<v1::BackupResponse>;
  absl::StatusOr<Hold> hold = parts_.controller->Take(
      parts_.clients->Of(*context), Holding::kSnapshots);
  const absl::Status has_room = hold.status();
  const std::shared_ptr<Pump> pump = Pump::Open(
      {.open_streams = parts_.open_streams,
       .worker = parts_.worker,
       .patient = parts_.patient,
       .counted = CountedCall(parts_.calls, Rpc::kBackup),
       .write_deadline = kBackupPatience,
       .overdue = MakeError(Reason::kSnapshotExpired,
                            "reading one message took longer than 60 s, and "
                            "what it showed is gone: begin another backup"),
       .clock = parts_.clock,
       .hold = has_room.ok() ? *std::move(hold) : Hold()});
  if (!has_room.ok()) {
    pump->Begin(has_room);
    return pump.get();
  }
  parts_.worker->Post([this, pump] {
    absl::StatusOr<Controller::Checkpoint> checkpoint =
        parts_.controller->TakeCheckpoint(BackupRecordPrefixes());
    if (!checkpoint.ok()) return pump->Begin(checkpoint.status());
    BackupOptions options;
    options.epoch = parts_.controller->epoch();
    options.server_version = kVersion;
    options.time = parts_.clock->Now();
    options.expected_entries = ExpectedEntries(*parts_.controller);
    pump->Begin(std::make_unique<BackupSource>(
        BackupWriter(*std::move(checkpoint), std::move(options)),
        parts_.controller->IsSlow(Path()), parts_.open_streams));
  });
  return pump.get();
}

grpc::ServerReadReactor<v1::RestoreRequest>* AdminService::Restore(
    grpc::CallbackServerContext* context, v1::RestoreResponse* response) {
  RestoreOptions options;
  options.restore_records =
      [mounts = parts_.mounts](
          const std::map<std::string, std::string>& records) {
        return RestoreMounts(mounts, records);
      };
  return RestoreStream::Open(
      {.controller = parts_.controller,
       .open_streams = parts_.open_streams,
       .counted = CountedCall(parts_.calls, Rpc::kRestore),
       .worker = parts_.restorer,
       .state = &restore_,
       .options = std::move(options)},
      response);
}

}  // namespace restate
