#ifndef RESTATE_TESTS_LINEARIZABILITY_REGISTER_CLIENT_H_
#define RESTATE_TESTS_LINEARIZABILITY_REGISTER_CLIENT_H_

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/linearizability/history.h"
#include "tests/support/client.h"

namespace restate::test {

// Calls the server at random, one call at a time, and records each.
class RegisterClient {
 public:
  // `history` and `keys` outlive this. `id` is Operation::client.
  RegisterClient(const std::string& address, int id, uint64_t seed,
                 const std::vector<std::string>& keys, History* history);

  // Makes one call. False if the server could not be reached or said that it
  // does not know what became of the call: it is the last then. Other errors
  // than those that the contract allows here fail the test.
  bool CallOnce();

 private:
  // What this client knows of a key from its last answer.
  struct Known {
    int64_t value = 0;
    int64_t revision = 0;
  };

  Operation Choose();
  bool Get(Operation operation);
  bool Set(Operation operation);
  bool Delete(Operation operation);
  // Ends a call that failed. False if it is not known what became of it.
  bool Failed(Operation operation, const grpc::Status& status);
  void Done(Operation operation);

  Client client_;
  const int id_;
  std::mt19937_64 random_;
  const std::vector<std::string>& keys_;
  History* const history_;
  std::map<std::string, Known> known_;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_LINEARIZABILITY_REGISTER_CLIENT_H_
