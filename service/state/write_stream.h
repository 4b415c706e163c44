#ifndef RESTATE_SERVICE_STATE_WRITE_STREAM_H_
#define RESTATE_SERVICE_STATE_WRITE_STREAM_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "engine/client/client_id.h"
#include "engine/commit/commit_request.h"
#include "engine/sync/mutex.h"
#include "restate/v1/state_service.pb.h"
#include "service/adapters/commit_adapter.h"
#include "service/adapters/limits.h"
#include "service/metrics/call_counters.h"
#include "service/streams/open_streams.h"
#include "service/streams/work_threads.h"

namespace restate {

// What a stream may have taken and not answered yet. When either is reached it
// reads no more until an answer is on its way.
inline constexpr size_t kMaxUnansweredCommits = 1024;
inline constexpr size_t kMaxUnansweredBytes = size_t{16} << 20;

// What Write streams work with. Outlives the server's calls.
struct WriteStreamParts {
  // Controller::Commit.
  std::function<void(CommitRequest, CommitCallback)> commit;
  // Goes into the answers.
  std::string epoch;
  RequestLimits limits;
  OpenStreams* open_streams = nullptr;
  // May be null.
  CallCounters* calls = nullptr;
  // Commits that are large are decoded here (kMaxInlineBytes).
  WorkThreads* large = nullptr;
};

// One call of StateService.Write: commits in, answers out, pipelined.
//
// Reads a commit, gives it to the sequencer, and reads the next while the
// sequencer works; commits are sequenced in the order they were read. Answers
// are queued as commits complete and written one at a time.
//
// The call ends when
//   the client has closed its side and everything is answered: OK;
//   the server drains and everything is answered: UNAVAILABLE / SHUTTING_DOWN;
//   the client sends bytes that are no WriteRequest, and everything before
//     them is answered: INVALID_ARGUMENT / INVALID_REQUEST;
//   the client has gone: commits that were taken simply finish.
//
// It reads and writes bytes: a typed reactor is told of a message that cannot
// be parsed as of a half-close, and would take a broken client for a done one.
//
// Three things run at the same time: gRPC's read side, its write side, and the
// sequencer's answers. All change the state below under `mutex_` and then call
// Advance, which alone starts operations, without the lock: gRPC may call back
// before an operation's start returns. Finish is called once, and only when no
// thread is between the decision to start an operation and its start.
class WriteStream final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
      public OpenStream,
      public std::enable_shared_from_this<WriteStream> {
 public:
  // Starts reading. Owned by `parts->open_streams` until the call is done.
  static WriteStream* Open(const WriteStreamParts* parts, ClientId client);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;
  void Drain() override;

 private:
  // What the answer to a commit needs of the request.
  struct Asked {
    int64_t sequence = 0;
    size_t bytes = 0;
    v1::ValueEncoding encoding = v1::VALUE_ENCODING_UNSPECIFIED;
    OperationKinds kinds;
  };
  struct Answer {
    Asked asked;
    absl::StatusOr<CommitResult> result;
  };

  WriteStream(const WriteStreamParts* parts, ClientId client)
      : parts_(*parts),
        client_(std::move(client)),
        counted_(parts->calls, Rpc::kWrite) {}

  // Takes what was read, and goes on.
  void HandleRead(bool ok);
  // The answer may come before this returns. False if it
  // is no WriteRequest: nothing behind it can be trusted.
  bool TakeRequest();
  void AddAnswer(Asked asked, absl::StatusOr<CommitResult> result);
  void FillResponse(const Answer& answer);
  // Starts what can be started now, or finishes.
  void Advance();
  bool WindowOpen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return unanswered_ < kMaxUnansweredCommits &&
           unanswered_bytes_ < kMaxUnansweredBytes;
  }

  const WriteStreamParts& parts_;
  const ClientId client_;
  const CountedCall counted_;
  // That of its commits.
  const std::shared_ptr<CommitOrder> order_ = std::make_shared<CommitOrder>();

  // With gRPC while `reading_` or `writing_`.
  grpc::ByteBuffer request_bytes_;
  grpc::ByteBuffer response_bytes_;
  // What the bytes say; used by the thread that reads or writes.
  v1::WriteRequest request_;
  v1::WriteResponse response_;

  Mutex mutex_;
  // A read is under way, or what it brought is being taken.
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  // What came could not be parsed; nothing more is read.
  bool malformed_ ABSL_GUARDED_BY(mutex_) = false;
  // The client sends no more.
  bool read_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  // Threads between deciding on an operation and having started it.
  int starting_ ABSL_GUARDED_BY(mutex_) = 0;
  // Commits taken whose answers are not written or being written.
  size_t unanswered_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t unanswered_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // In order of completion.
  std::deque<Answer> answers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_SERVICE_STATE_WRITE_STREAM_H_
