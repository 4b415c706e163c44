#ifndef RESTATE_TESTS_WATCH_SESSION_WATCHER_H_
#define RESTATE_TESTS_WATCH_SESSION_WATCHER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "restate/v1/event_service.grpc.pb.h"
#include "tests/watch/recording.h"
#include "tests/watch/run_state.h"

namespace restate::test {

// A session with a callback for each of several subscriptions, recorded as if
// each were a subscriber of its own. Its stream is cut at random; it is taken up
// again, or, after the end of the server, made anew, and in both cases every
// callback is subscribed from its last token. On a thread of its own.
class SessionWatcher {
 public:
  // `subscriptions`: by callback id. `state` outlives it.
  SessionWatcher(std::map<std::string, v1::SubscribeRequest> subscriptions,
                 uint64_t seed, uint64_t cut_one_in, RunState* state);
  // Waits until every callback was told of everything.
  void Join() { thread_.join(); }

  std::vector<Recording> recordings() const;
  // What ended it against the contract; empty if nothing did.
  const std::string& failure() const { return failure_; }

 private:
  struct Callback {
    v1::SubscribeRequest request;
    Recording recording;
    std::string token;
    bool begin_again = false;
    // The one that counts on the present stream.
    int64_t subscription_id = 0;
    int64_t through = 0;
  };

  void Run();
  // One stream. False when all was told, or nothing works any more.
  bool ReadStream();
  // Registers and subscribes everybody. False if the stream has no use any more.
  bool SubscribeAll(bool resumed);
  bool Subscribe(const std::string& callback_id, Callback* callback);
  void Take(const v1::CallbackEvents& run);
  bool ToldAll() const;
  bool Failed(const std::string& call, const grpc::Status& status);

  const uint64_t cut_one_in_;
  RunState* const state_;
  std::mt19937_64 random_;
  std::map<std::string, Callback> callbacks_;
  std::unique_ptr<v1::EventService::Stub> stub_;
  int start_ = 0;
  std::string session_id_;
  std::string failure_;
  std::thread thread_;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_WATCH_SESSION_WATCHER_H_
