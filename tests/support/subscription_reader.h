#ifndef RESTATE_TESTS_SUPPORT_SUBSCRIPTION_READER_H_
#define RESTATE_TESTS_SUPPORT_SUBSCRIPTION_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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

// Reads one Subscribe stream on a thread of its own and keeps what came.
//
// It also holds the stream to what holds for every stream (event.proto), and
// records what breaks it: see Violations(). Thread-safe.
class SubscriptionReader {
 public:
  // Called with each event on the reader's thread, before any waiter hears of
  // it.
  using Observer = std::function<void(const v1::Event&)>;

  SubscriptionReader(std::shared_ptr<grpc::Channel> channel,
                     const v1::SubscribeRequest& request,
                     Observer observer = nullptr);
  // Cancels the stream and waits for the thread.
  ~SubscriptionReader();
  SubscriptionReader(const SubscriptionReader&) = delete;
  SubscriptionReader& operator=(const SubscriptionReader&) = delete;

  // Waits for the batch with `synced`. False if the stream ended without it.
  bool WaitForSynced();
  // Waits until `n` events came, and gives all that came; fewer only if the
  // stream ended.
  std::vector<v1::Event> WaitForEvents(size_t n);
  // Waits until a batch told of `revision` or a later one. False if the stream
  // ended before.
  bool WaitForRevision(int64_t revision);
  // Waits until `done` holds for the events that came. False if the stream
  // ended before. `done` is called with the reader's lock held.
  bool WaitUntil(
      const std::function<bool(const std::vector<v1::Event>&)>& done);
  // The same for the batches.
  bool WaitUntilBatches(
      const std::function<bool(const std::vector<v1::EventBatch>&)>& done);
  // Waits for the end of the stream and gives its status.
  grpc::Status WaitForEnd();
  // Ends the stream from this side, as a client that vanishes.
  void Cancel();

  std::vector<v1::Event> events() const;
  // The messages, with the same events.
  std::vector<v1::EventBatch> batches() const;
  // The newest resume token; empty before the first.
  std::string token() const;
  // The revision of the batch with `synced`; 0 before it.
  int64_t synced_revision() const;
  // The last revision that a batch told of; 0 before the first.
  int64_t revision() const;
  std::string epoch() const;
  // What broke the rules of every stream: revisions that decrease, an epoch
  // missing or changed, a second `synced`, a batch revision below its events, a
  // live event inside a snapshot or a reset or before `now`, a reset without a
  // gap, inside another or without its end,
  // an event without a path, pattern, commit time or origin. Empty if nothing.
  std::vector<std::string> Violations() const;

 private:
  void Run();
  void Record(const v1::EventBatch& batch) ABSL_LOCKS_EXCLUDED(mutex_);
  void Judge(const v1::EventBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::unique_ptr<v1::EventService::Stub> stub_;
  const std::unique_ptr<grpc::ClientContext> context_;
  const v1::SubscribeRequest request_;
  const Observer observer_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<v1::Event> events_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::EventBatch> batches_ ABSL_GUARDED_BY(mutex_);
  std::string token_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> violations_ ABSL_GUARDED_BY(mutex_);
  std::string epoch_ ABSL_GUARDED_BY(mutex_);
  int64_t synced_revision_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t revision_ ABSL_GUARDED_BY(mutex_) = 0;
  bool synced_ ABSL_GUARDED_BY(mutex_) = false;
  // The last that was told outside of resets.
  int64_t last_revision_ ABSL_GUARDED_BY(mutex_) = 0;
  // While its INITIAL events come.
  std::optional<v1::Reset> reset_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status status_ ABSL_GUARDED_BY(mutex_);

  // Last, so that everything it uses is there.
  std::thread thread_;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_SUBSCRIPTION_READER_H_
