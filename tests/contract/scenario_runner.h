#ifndef RESTATE_TESTS_CONTRACT_SCENARIO_RUNNER_H_
#define RESTATE_TESTS_CONTRACT_SCENARIO_RUNNER_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/message.h"
#include "tests/contract/json_match.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/subscription_reader.h"

namespace restate::test {

// Runs one scenario of a file against a server and reports through GoogleTest
// what does not fit. README.md in this folder describes the steps.
//
// Knows no RPC by name but Subscribe, DeleteState, Ping and Commit, which it
// needs to begin and to find the end of events; the rest goes by the protos.
class ScenarioRunner {
 public:
  // `client` outlives the runner.
  explicit ScenarioRunner(Client* client) : client_(client) {}

  // Empties the tree and runs the steps. Stops at the first that fails.
  void Run(const Json& scenario);

 private:
  struct Subscription {
    std::unique_ptr<SubscriptionReader> reader;
    v1::SubscribeRequest request;
    // How many of the reader's events have been looked at.
    size_t seen = 0;
  };

  void RunStep(const Json& step);
  void RunCall(const Json& step);
  void RunSubscribe(const Json& step);
  void RunEvents(const std::string& name, const Json& expected);

  // Compares the answers of a Write stream, by their sequence numbers.
  void CheckAnswers(
      const std::vector<Json>& expected,
      const std::vector<std::unique_ptr<google::protobuf::Message>>& responses);
  void CheckFailure(const Json& expected, const Failure& failure);
  void Save(const Json& step, const Json& response);
  // Makes an event that comes after everything so far, waits for it, and gives
  // what came before it and was not looked at yet, as a JSON list.
  Json TakeEvents(Subscription* subscription);
  // Makes the event; false if the subscription's kinds let none through.
  bool EmitFence(const v1::SubscribeRequest& request, int64_t* revision);

  Client* const client_;
  Variables variables_;
  std::map<std::string, Subscription> subscriptions_;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_CONTRACT_SCENARIO_RUNNER_H_
