#include "service/admin/restore_stream.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

#include "engine/error/error.h"
#include "service/adapters/status_adapter.h"

namespace restate {

RestoreStream* RestoreStream::Open(RestoreParts parts,
                                   v1::RestoreResponse* response) {
  OpenStreams* const open_streams = parts.open_streams;
  std::shared_ptr<RestoreStream> stream(
      new RestoreStream(std::move(parts), response));
  open_streams->Add(stream);
  if (stream->restorer_ == nullptr) {
    stream->Post([](RestoreStream* self) {
      self->End(MakeError(Reason::kNotEmpty,
                          "another restore is under way: wait until it has "
                          "ended"));
    });
  } else {
    spdlog::info("a restore begins");
    stream->StartRead(&stream->request_);
  }
  return stream.get();
}

RestoreStream::RestoreStream(RestoreParts parts, v1::RestoreResponse* response)
    : parts_(std::move(parts)), response_(response) {
  if (parts_.state->under_way.exchange(true)) return;
  parts_.state->progress.entries = 0;
  parts_.state->progress.expected_entries = 0;
  restorer_ = std::make_unique<Restorer>(parts_.controller, parts_.options,
                                         &parts_.state->progress);
}

RestoreStream::~RestoreStream() {
  if (restorer_ != nullptr) parts_.state->under_way = false;
}

void RestoreStream::Post(std::function<void(RestoreStream*)> task) {
  parts_.worker->Post(
      [self = shared_from_this(), task = std::move(task)] {
        task(self.get());
      });
}

void RestoreStream::OnReadDone(bool ok) {
  Post([ok](RestoreStream* self) { self->Take(ok); });
}

void RestoreStream::Drain() {
  Post([](RestoreStream* self) {
    self->End(MakeError(Reason::kShuttingDown, "the server is shutting down"));
  });
}

void RestoreStream::OnDone() { parts_.open_streams->Remove(this); }

void RestoreStream::Take(bool ok) {
  if (finished_ || restorer_ == nullptr) return;
  if (ok) {
    absl::Status status = restorer_->Feed(request_.data());
    if (!status.ok()) return End(status);
    StartRead(&request_);
    return;
  }
  absl::StatusOr<RestoreResult> result = restorer_->Finish();
  if (!result.ok()) return End(result.status());
  response_->set_entries(result->entries);
  response_->set_mounts(result->records);
  response_->set_leases(result->leases);
  response_->set_revision(result->revision);
  response_->set_epoch(parts_.controller->epoch());
  response_->set_backup_revision(result->backup_revision);
  response_->set_backup_epoch(result->backup_epoch);
  spdlog::info("restored revision {} of epoch {}: {} values",
               result->backup_revision, result->backup_epoch, result->entries);
  End(absl::OkStatus());
}

void RestoreStream::End(const absl::Status& status) {
  if (std::exchange(finished_, true)) return;
  if (!status.ok()) spdlog::error("restoring: {}", status.ToString());
  if (restorer_ != nullptr) {
    // The next one may begin as soon as the client has its answer.
    restorer_.reset();
    parts_.state->under_way = false;
  }
  parts_.counted.End(static_cast<int>(status.code()));
  Finish(ToGrpcStatus(status));
}

}  // namespace restate
