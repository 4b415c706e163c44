#include "service/state/write_stream.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <optional>
#include <utility>

#include "engine/error/error.h"
#include "service/adapters/status_adapter.h"
#include "service/state/answer_size.h"
#include "service/state/write_call.h"

namespace restate {
namespace {

absl::Status ShuttingDown() {
  return MakeError(Reason::kShuttingDown,
                   "the server is shutting down: open the stream again; what "
                   "was not answered was not taken");
}

absl::Status Malformed() {
  return MakeError(Reason::kInvalidRequest,
                   "a message of the stream is no restate.v1.WriteRequest: it "
                   "and what came behind it was not taken");
}

}  // namespace

WriteStream* WriteStream::Open(const WriteStreamParts* parts,
                               ClientId client) {
  std::shared_ptr<WriteStream> stream(
      new WriteStream(parts, std::move(client)));
  WriteStream* const raw = stream.get();
  parts->open_streams->Add(std::move(stream));
  raw->Advance();
  return raw;
}

void WriteStream::OnReadDone(bool ok) {
  if (!ok || request_bytes_.Length() <= kMaxInlineBytes) return HandleRead(ok);
  // Nothing more is read until it is taken: commits keep their order.
  parts_.large->Next()->Post(
      [self = shared_from_this()] { self->HandleRead(true); });
}

void WriteStream::HandleRead(bool ok) {
  const bool malformed = ok && !TakeRequest();
  {
    MutexLock lock(&mutex_);
    reading_ = false;
    if (!ok || malformed) read_closed_ = true;
    if (malformed) malformed_ = true;
  }
  Advance();
}

bool WriteStream::TakeRequest() {
  if (!grpc::SerializationTraits<v1::WriteRequest>::Deserialize(
           &request_bytes_, &request_)
           .ok()) {
    return false;
  }
  Asked asked;
  asked.sequence = request_.sequence();
  asked.bytes = request_.ByteSizeLong();
  asked.encoding = request_.commit().encoding();
  asked.kinds = KindsOf(request_.commit());
  bool draining;
  {
    MutexLock lock(&mutex_);
    if (finished_ || cancelled_) return true;
    draining = draining_;
    ++unanswered_;
    unanswered_bytes_ += asked.bytes;
  }
  if (draining) {
    AddAnswer(std::move(asked), ShuttingDown());
    return true;
  }
  if (!request_.has_commit()) {
    AddAnswer(std::move(asked),
              MakeError(Reason::kInvalidRequest, "`commit` is not set"));
    return true;
  }
  absl::StatusOr<CommitRequest> commit =
      DecodeCommit(request_.commit(), parts_.limits);
  if (!commit.ok()) {
    AddAnswer(std::move(asked), commit.status());
    return true;
  }
  commit->may_be_set_aside = true;
  commit->order = order_;
  commit->client = client_;
  parts_.commit(
      *std::move(commit),
      [self = shared_from_this(), asked = std::move(asked)](
          absl::StatusOr<CommitResult> result) mutable {
        self->AddAnswer(std::move(asked), std::move(result));
        self->Advance();
      });
  return true;
}

void WriteStream::AddAnswer(Asked asked, absl::StatusOr<CommitResult> result) {
  MutexLock lock(&mutex_);
  answers_.push_back({std::move(asked), std::move(result)});
}

void WriteStream::OnWriteDone(bool ok) {
  {
    MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok) cancelled_ = true;
  }
  Advance();
}

void WriteStream::OnCancel() {
  {
    MutexLock lock(&mutex_);
    cancelled_ = true;
  }
  Advance();
}

void WriteStream::Drain() {
  {
    MutexLock lock(&mutex_);
    draining_ = true;
  }
  Advance();
}

// Destroys the stream unless commits that were taken still hold it.
void WriteStream::OnDone() { parts_.open_streams->Remove(this); }

void WriteStream::Advance() {
  // Whatever comes up while this starts something is started by the thread it
  // comes up on: the sequencer's thread, if this is it, must not be kept here.
  // Except for the end, which waits for `starting_`.
  for (bool may_start = true;; may_start = false) {
    bool start_read = false;
    std::optional<Answer> answer;
    bool more_answers = false;
    grpc::Status end;
    {
      MutexLock lock(&mutex_);
      if (finished_) return;
      if (cancelled_) {
        answers_.clear();
      } else if (may_start) {
        if (!writing_ && !answers_.empty()) {
          answer = std::move(answers_.front());
          answers_.pop_front();
          more_answers = !answers_.empty();
          writing_ = true;
          --unanswered_;
          unanswered_bytes_ -= answer->asked.bytes;
        }
        start_read = !reading_ && !read_closed_ && !draining_ && WindowOpen();
        if (start_read) reading_ = true;
      }
      if (start_read || answer.has_value()) {
        ++starting_;
      } else {
        if (starting_ > 0 || writing_) return;
        if (cancelled_) {
          end = grpc::Status::CANCELLED;
        } else if (unanswered_ > 0 || !(read_closed_ || draining_)) {
          return;
        } else if (malformed_) {
          end = ToGrpcStatus(Malformed());
        } else if (!read_closed_) {
          end = ToGrpcStatus(ShuttingDown());
        }
        finished_ = true;
      }
    }
    if (start_read) StartRead(&request_bytes_);
    if (answer.has_value()) {
      FillResponse(*answer);
      // With another answer waiting, let gRPC put both into one packet.
      grpc::WriteOptions options;
      if (more_answers) options.set_buffer_hint();
      StartWrite(&response_bytes_, options);
    }
    if (!start_read && !answer.has_value()) {
      counted_.End(end.error_code());
      Finish(std::move(end));
      return;
    }
    MutexLock lock(&mutex_);
    --starting_;
  }
}

void WriteStream::FillResponse(const Answer& answer) {
  response_.Clear();
  response_.set_sequence(answer.asked.sequence);
  absl::Status status = answer.result.status();
  if (status.ok()) {
    EncodeResult(*answer.result, answer.asked.kinds, parts_.epoch,
                 answer.asked.encoding, response_.mutable_commit());
    status = CheckAnswerSize(response_, answer.result->revision, parts_.limits);
  }
  if (!status.ok()) *response_.mutable_status() = ToRpcStatus(status);
  response_bytes_.Clear();
  bool own_buffer = false;
  // Fails only for what is over 2 GiB, which the limits do not let happen.
  (void)grpc::SerializationTraits<v1::WriteResponse>::Serialize(
      response_, &response_bytes_, &own_buffer);
}

}  // namespace restate
