// Pipelined load of Write streams over gRPC's callback API.

#include <algorithm>
#include <deque>
#include <optional>

#include "absl/status/status.h"
#include "engine/sync/mutex.h"
#include "restate/v1/state_service.grpc.pb.h"
#include "tests/benchmark/load.h"

namespace restate::benchmark {
namespace {

// One Write stream that keeps `in_flight` commits unanswered until the round is
// over, then sends no more and waits for the rest.
//
// gRPC calls the reactor's methods from its threads, at most one read and one
// write at a time; mutex_ guards what the two share.
class WriteStream final
    : public grpc::ClientBidiReactor<v1::WriteRequest, v1::WriteResponse> {
 public:
  WriteStream(const std::shared_ptr<grpc::Channel>& channel, uint32_t seed,
              size_t in_flight, size_t operations, size_t slot,
              Latencies* latencies)
      : stub_(v1::StateService::NewStub(channel)),
        in_flight_(in_flight),
        operations_(operations),
        slot_(slot),
        latencies_(latencies),
        source_(seed) {}

  void Start() {
    stub_->async()->Write(&context_, this);
    // Writes are started from two callbacks, so the stream is held open until
    // the last one.
    AddHold();
    StartRead(&response_);
    StartCall();
    MutexLock lock(&mutex_);
    SendIfRoom();
  }

  absl::Status Wait() {
    MutexLock lock(&mutex_);
    while (!done_) changed_.Wait(&mutex_);
    return error_;
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(&mutex_);
    writing_ = false;
    if (ok) {
      SendIfRoom();
    } else {
      StopSending(/*half_close=*/false);
    }
  }

  void OnReadDone(bool ok) override {
    const Latencies::Clock::time_point now = Latencies::Clock::now();
    {
      MutexLock lock(&mutex_);
      if (!ok) {
        StopSending(/*half_close=*/false);
        return;
      }
      if (response_.has_status() && error_.ok()) {
        error_ = absl::Status(
            static_cast<absl::StatusCode>(response_.status().code()),
            response_.status().message());
      }
      // One stream's commits are sequenced in the order sent; should answers
      // ever come in another, the times would only be swapped.
      latencies_->Add(slot_, started_.front(), now);
      started_.pop_front();
      over_ = over_ || latencies_->Over(now) || !error_.ok();
      if (!writing_) SendIfRoom();
    }
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    MutexLock lock(&mutex_);
    if (!status.ok() && error_.ok()) {
      error_ = absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                            status.error_message());
    }
    done_ = true;
    changed_.NotifyAll();
  }

 private:
  // REQUIRES: no write is under way.
  void SendIfRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (over_) {
      StopSending(/*half_close=*/true);
      return;
    }
    if (stopped_ || started_.size() >= in_flight_) return;
    v1::CommitRequest* commit = request_.mutable_commit();
    commit->clear_operations();
    for (size_t i = 0; i < operations_; ++i) {
      v1::SetOperation* set = commit->add_operations()->mutable_set();
      source_.FillPath(set->mutable_path());
      source_.FillValue(set->mutable_value());
    }
    request_.set_sequence(++sequence_);
    started_.push_back(Latencies::Clock::now());
    writing_ = true;
    StartWrite(&request_);
  }

  void StopSending(bool half_close) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (stopped_) return;
    stopped_ = true;
    if (half_close) StartWritesDone();
    RemoveHold();
  }

  const std::unique_ptr<v1::StateService::Stub> stub_;
  const size_t in_flight_;
  const size_t operations_;
  const size_t slot_;
  Latencies* const latencies_;
  grpc::ClientContext context_;
  v1::WriteResponse response_;

  Mutex mutex_;
  CondVar changed_;
  RequestSource source_ ABSL_GUARDED_BY(mutex_);
  v1::WriteRequest request_ ABSL_GUARDED_BY(mutex_);
  int64_t sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  // When each unanswered commit was sent.
  std::deque<Latencies::Clock::time_point> started_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<Figures> WriteLoad(const Channels& channels, const Round& round,
                                  size_t operations) {
  const size_t count = std::min(channels.size(), round.in_flight);
  Latencies latencies(round, count);
  std::deque<WriteStream> streams;
  for (size_t i = 0; i < count; ++i) {
    streams.emplace_back(channels[i], static_cast<uint32_t>(i) + 1,
                         round.in_flight / count, operations, i, &latencies);
  }
  for (WriteStream& stream : streams) stream.Start();
  absl::Status error;
  for (WriteStream& stream : streams) error.Update(stream.Wait());
  if (!error.ok()) return error;
  return latencies.Summarize();
}

absl::Status Fill(const Channels& channels) {
  const std::unique_ptr<v1::StateService::Stub> stub =
      v1::StateService::NewStub(channels[0]);
  RequestSource source(1);
  constexpr uint32_t kStep = 1'000;
  for (uint32_t first = 0; first < kPaths; first += kStep) {
    v1::CommitRequest request;
    for (uint32_t i = first; i < first + kStep; ++i) {
      v1::SetOperation* set = request.add_operations()->mutable_set();
      set->mutable_path()->set_text(PathText(i));
      source.FillValue(set->mutable_value());
    }
    grpc::ClientContext context;
    v1::CommitResponse response;
    const grpc::Status status = stub->Commit(&context, request, &response);
    if (!status.ok()) {
      return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                          status.error_message());
    }
  }
  return absl::OkStatus();
}

}  // namespace restate::benchmark
