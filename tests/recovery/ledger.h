#ifndef RESTATE_TESTS_RECOVERY_LEDGER_H_
#define RESTATE_TESTS_RECOVERY_LEDGER_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/sync/mutex.h"
#include "restate/v1/event.pb.h"
#include "restate/v1/state_service.pb.h"
#include "restate/v1/value.pb.h"

namespace restate::test {

// How each writer writes, so that what is left after a crash tells which
// commits are in it.
//
// Writer w numbers its commits 1, 2, 3, ... over the whole test. Each is one of
//   a transaction:  /order ADD 1, /log/<w>/<number> = number
//   a single set:   /single/<w> = number
//   a volatile one: /tmp/<w> = number
// /order counts the transactions in revision order: since ADD writes the sum,
// /order says n only if commit number n of that order is in the state, and the
// log says which are.
enum class WriteKind { kTransaction, kSingle, kVolatile };

// One commit as its writer knows it.
struct Attempt {
  WriteKind kind = WriteKind::kTransaction;
  bool relaxed = false;
  // Whether its answer came.
  bool answered = false;
};

// The commit that `attempt` number `number` of writer `w` is.
v1::CommitRequest CommitFor(int w, int number, const Attempt& attempt);

// What writers were answered, and what readers and subscribers saw: all that a
// crash must not take back. Thread-safe.
class Ledger {
 public:
  explicit Ledger(int writers) : attempts_(writers) {}

  // Records that writer `w` is about to send its next commit; gives its number.
  int Sent(int w, Attempt attempt) ABSL_LOCKS_EXCLUDED(mutex_);
  // Records the answer to it.
  void Answered(int w, int number, const v1::CommitResponse& response)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Records a reading of /order, /log and /single, all at one revision, in the
  // typed kinds.
  void Read(const v1::BatchGetStateResponse& response)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Records an event of a subscription to the root.
  void Heard(const v1::Event& event) ABSL_LOCKS_EXCLUDED(mutex_);

  // Around what a writer does.
  void WriterBegins() ABSL_LOCKS_EXCLUDED(mutex_);
  void WriterEnds() ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until `n` more answers came than when it was called, or nobody writes
  // any more.
  void WaitForAnswers(int n) ABSL_LOCKS_EXCLUDED(mutex_);

  // Compares what a restarted server reads as with all that was recorded, and
  // gives every rule that is broken; empty if none is. From then on what the
  // server has is what there is: commits that were lost are forgotten.
  std::vector<std::string> Settle(const v1::BatchGetStateResponse& after)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The highest revision anybody was told of.
  int64_t last_revision() const ABSL_LOCKS_EXCLUDED(mutex_);
  // How many answers came so far.
  int answers() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Told(int64_t revision) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SettleWriter(int w, const v1::BatchGetStateResponse& after,
                    std::vector<std::string>* broken)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  // By writer, then by number - 1.
  std::vector<std::vector<Attempt>> attempts_ ABSL_GUARDED_BY(mutex_);
  // Revision of each answered commit that changed something.
  std::set<int64_t> commit_revisions_ ABSL_GUARDED_BY(mutex_);
  // By revision: the value of /order that the commit was answered with.
  std::map<int64_t, int64_t> orders_ ABSL_GUARDED_BY(mutex_);
  int answers_ ABSL_GUARDED_BY(mutex_) = 0;
  int writing_ ABSL_GUARDED_BY(mutex_) = 0;
  // The most that readers and subscribers saw.
  int64_t seen_order_ ABSL_GUARDED_BY(mutex_) = 0;
  // By path of /single and /log: the greatest number seen there.
  std::map<std::string, int64_t> seen_ ABSL_GUARDED_BY(mutex_);
  int64_t last_revision_ ABSL_GUARDED_BY(mutex_) = 0;
  // What reading itself found broken.
  std::vector<std::string> broken_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_RECOVERY_LEDGER_H_
