#ifndef RESTATE_TESTS_WATCH_WATCHER_H_
#define RESTATE_TESTS_WATCH_WATCHER_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "restate/v1/event_service.grpc.pb.h"
#include "tests/watch/committed_log.h"
#include "tests/watch/recording.h"
#include "tests/watch/run_state.h"

namespace restate::test {

// How a subscriber behaves.
struct WatcherOptions {
  std::string name;
  // Patterns, scope, kinds, history_loss, overflow, intercepting; `snapshot` if
  // it begins with one.
  v1::SubscribeRequest request;
  uint64_t seed = 0;
  // One in so many messages is the last of its stream; 0: it never goes by
  // itself. One in three times it has forgotten the last messages, too.
  uint64_t cut_one_in = 0;
  // Begins anew, with `now`, whenever it was cut.
  bool keeps_no_token = false;
  // After it went by itself it comes back when up to so many more commits were
  // made.
  uint64_t rests_for_commits = 0;
  // Reads the next message when so many more commits were made.
  int64_t commits_between_reads = 0;
  // An interceptor stops one in so many operations.
  uint64_t stop_one_in = 0;
};

// A subscriber: one stream after the other, each taken up where the last one was
// cut, by itself or by the end of the server, until everything was told. On a
// thread of its own.
class Watcher {
 public:
  // `state` and `log` outlive it. Interceptors note their stops in `log`.
  Watcher(WatcherOptions options, RunState* state, CommittedLog* log);
  // Waits until it was told of everything.
  void Join() { thread_.join(); }

  const Recording& recording() const { return recording_; }
  // What ended it against the contract; empty if nothing did.
  const std::string& failure() const { return failure_; }
  int streams() const { return static_cast<int>(recording_.pieces.size()); }

 private:
  void Run();
  // One stream. False when all was told, or nothing works any more.
  bool ReadStream();
  v1::SubscribeRequest NextRequest(Piece* piece) const;
  // Whether the stream goes on after this message.
  bool Take(const v1::EventBatch& batch);
  void Answer(const v1::EventBatch& batch);
  void ForgetTheLast();
  uint64_t Roll(uint64_t sides) { return random_() % sides; }

  const WatcherOptions options_;
  RunState* const state_;
  CommittedLog* const log_;
  std::mt19937_64 random_;
  std::unique_ptr<v1::EventService::Stub> stub_;
  int start_ = 0;
  Recording recording_;
  // Where to go on; empty: from the beginning.
  std::string token_;
  // The history was lost: if not from a token, then from a snapshot.
  bool begin_again_ = false;
  std::string failure_;
  std::thread thread_;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_WATCH_WATCHER_H_
