#ifndef RESTATE_TESTS_DERIVATION_DEFINER_H_
#define RESTATE_TESTS_DERIVATION_DEFINER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "tests/derivation/derivation_client.h"
#include "tests/derivation/hosting_session.h"
#include "tests/derivation/layered_state.h"
#include "tests/derivation/random_graph.h"

namespace restate::test {

// Defines and removes derivations at random while others write, and knows what
// was defined at each revision. Nobody else defines. Not thread-safe.
class Definer {
 public:
  // `bodies` learns what clients are to compute.
  Definer(uint64_t seed, HostedBodies* bodies)
      : random_(seed, {.hosted = true}), bodies_(bodies) {}

  // Defines or removes one; hosted ones by `session_id`. False if the server is
  // gone. An answer that the contract does not have is a failure of the test.
  bool Step(DerivationClient& calls, const std::string& session_id);
  // Defines all that is hosted once more, and waits for it.
  void HostAgain(DerivationClient& calls, const std::string& session_id) const;

  const Rules& rules() const { return rules_; }
  // What was asked for last, if the server went before it answered.
  const std::optional<Rules>& unanswered() const { return unanswered_; }
  // That came to be, or did not.
  void Settle(bool it_was_done);
  // What was defined at `revision`.
  const Rules& At(int64_t revision) const;

 private:
  void Note(int64_t revision, Rules rules);

  RandomGraph random_;
  HostedBodies* const bodies_;
  Rules rules_;
  std::optional<Rules> unanswered_;
  std::map<int64_t, Rules> from_ = {{0, {}}};
};

// Makes one commit at random. False if the server is gone; any other refusal
// than those that the contract has is a failure of the test.
bool CommitAtRandom(Client& client, RandomGraph& random);

}  // namespace restate::test

#endif  // RESTATE_TESTS_DERIVATION_DEFINER_H_
