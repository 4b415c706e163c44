#ifndef RESTATE_TESTS_SUPPORT_SESSION_READER_H_
#define RESTATE_TESTS_SUPPORT_SESSION_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/sync/mutex.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "restate/v1/event_service.grpc.pb.h"

namespace restate::test {

// Reads one OpenSession stream on a thread of its own and keeps what came.
// Thread-safe.
class SessionReader {
 public:
  using Messages = std::vector<v1::OpenSessionResponse>;

  SessionReader(std::shared_ptr<grpc::Channel> channel,
                const v1::OpenSessionRequest& request);
  // Cancels the stream and waits for the thread.
  ~SessionReader();
  SessionReader(const SessionReader&) = delete;
  SessionReader& operator=(const SessionReader&) = delete;

  // Waits for the first message and gives it; empty if the stream ended without.
  v1::SessionOpened WaitForOpened();
  // Waits until `done` holds for the messages that came. False if the stream
  // ended before. `done` is called with the reader's lock held.
  bool WaitUntil(const std::function<bool(const Messages&)>& done);
  // Waits for the marker. False if the stream ended before.
  bool WaitForSync(int64_t sync_id);
  // Waits for the end of the stream and gives its status.
  grpc::Status WaitForEnd();
  // Ends the stream from this side, as a client that vanishes.
  void Cancel() { context_->TryCancel(); }

  Messages messages() const;
  // All runs that came, in order.
  std::vector<v1::CallbackEvents> runs() const;

 private:
  void Run();

  const std::unique_ptr<v1::EventService::Stub> stub_;
  const std::unique_ptr<grpc::ClientContext> context_;
  const v1::OpenSessionRequest request_;

  mutable Mutex mutex_;
  CondVar changed_;
  Messages messages_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status status_ ABSL_GUARDED_BY(mutex_);

  // Last, so that everything it uses is there.
  std::thread thread_;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_SESSION_READER_H_
