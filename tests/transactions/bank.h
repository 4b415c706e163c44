#ifndef RESTATE_TESTS_TRANSACTIONS_BANK_H_
#define RESTATE_TESTS_TRANSACTIONS_BANK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/sync/mutex.h"
#include "restate/v1/event.pb.h"
#include "restate/v1/state_service.pb.h"
#include "restate/v1/value.pb.h"

namespace restate::test {

// Accounts below /bank/accounts and, below /bank/ledger, one entry for each
// transfer: [from, to, amount], written in the same transaction. What the
// accounts hold must follow from the ledger, at every revision.
inline constexpr int kAccounts = 10;
inline constexpr int64_t kOpening = 100;
using Balances = std::array<int64_t, kAccounts>;

// "/bank/accounts/3".
std::string AccountPath(int account);

// One attempt to move an amount.
struct Transfer {
  // The name of its entry in the ledger, and its request id: used once.
  std::string id;
  int from = 0;
  int to = 0;
  int64_t amount = 0;
};

// The commit that it is, if the two accounts held this much at these revisions.
v1::CommitRequest CommitFor(const Transfer& transfer, int64_t from_balance,
                            int64_t from_revision, int64_t to_balance,
                            int64_t to_revision);

// What transfers were tried and answered, and what readers and subscribers saw.
// Thread-safe.
class Bank {
 public:
  Bank();

  // A transfer is about to be sent.
  void Tried(const Transfer& transfer) ABSL_LOCKS_EXCLUDED(mutex_);
  // It was answered, or refused for good.
  void Answered(const std::string& id) ABSL_LOCKS_EXCLUDED(mutex_);
  void Refused(const std::string& id) ABSL_LOCKS_EXCLUDED(mutex_);

  // Somebody read /bank/accounts, typed, at one revision.
  void Read(int64_t revision, const v1::Value& accounts)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Somebody read all of /bank, typed. The ledger must explain the accounts,
  // and have nothing in it that was refused or that nobody tried.
  void ReadAll(int64_t revision, const v1::Value& bank)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Somebody read it while nobody transferred: every answered transfer must be
  // in the ledger.
  void Settle(const v1::Value& bank) ABSL_LOCKS_EXCLUDED(mutex_);
  // The subscriber of /bank/accounts/* was told of this.
  void Heard(const v1::Event& event) ABSL_LOCKS_EXCLUDED(mutex_);
  // Compares what readers saw with what the subscriber was told. Takes the
  // accounts of its last revision as told in full.
  void Compare() ABSL_LOCKS_EXCLUDED(mutex_);

  // Around what a client does.
  void ClientBegins() ABSL_LOCKS_EXCLUDED(mutex_);
  void ClientEnds() ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until `n` more transfers were answered than when it was called, or
  // nobody transfers any more.
  void WaitForAnswers(size_t n) ABSL_LOCKS_EXCLUDED(mutex_);

  // Every rule that was found broken; empty if none was.
  std::vector<std::string> broken() const ABSL_LOCKS_EXCLUDED(mutex_);
  size_t answers() const ABSL_LOCKS_EXCLUDED(mutex_);
  size_t refusals() const ABSL_LOCKS_EXCLUDED(mutex_);
  // How many readings Compare() compared.
  size_t compared() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  enum class Fate { kUnknown, kAnswered, kRefused };
  struct Attempt {
    Transfer transfer;
    Fate fate = Fate::kUnknown;
  };

  // Gives what the accounts hold; records what is wrong with it.
  Balances Judge(int64_t revision, const v1::Value& accounts)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void JudgeSum(const std::string& who, int64_t revision,
                const Balances& balances) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the revision that the subscriber is told of as told in full.
  void CloseRevision() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::string, Attempt> attempts_ ABSL_GUARDED_BY(mutex_);
  size_t answers_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t refusals_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t compared_ ABSL_GUARDED_BY(mutex_) = 0;
  int transferring_ ABSL_GUARDED_BY(mutex_) = 0;
  // By revision: what somebody read.
  std::map<int64_t, Balances> readings_ ABSL_GUARDED_BY(mutex_);
  // What the subscriber was told, up to here and by revision.
  Balances told_ ABSL_GUARDED_BY(mutex_) = {};
  int64_t told_revision_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<int64_t, Balances> tellings_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> broken_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_TRANSACTIONS_BANK_H_
