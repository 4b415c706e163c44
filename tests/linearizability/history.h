#ifndef RESTATE_TESTS_LINEARIZABILITY_HISTORY_H_
#define RESTATE_TESTS_LINEARIZABILITY_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/sync/mutex.h"

namespace restate::test {

// One call on one key, as its caller saw it. What the fields mean to the
// checker is told in checker/operation.go.
struct Operation {
  enum class Kind {
    kGet,
    kSet,
    kIfAbsent,
    kAdd,
    kDelete,
    // A SET with the precondition `equals`.
    kSetIfEqual,
    // A SET with the precondition `unchanged_since`.
    kSetIfUnchanged,
  };
  enum class Outcome {
    kDone,
    // The precondition did not hold.
    kRefused,
    // It happened once, or never.
    kUnknown,
  };

  int client = 0;
  std::string key;
  // Nanoseconds of a monotonic clock.
  int64_t call = 0;
  int64_t end = 0;
  Kind kind = Kind::kGet;
  int64_t value = 0;
  int64_t expected = 0;
  int64_t since = 0;
  Outcome outcome = Outcome::kDone;
  // The value in the answer.
  std::optional<int64_t> found;
  bool changed = false;
  int64_t revision = 0;
};

// One line of the checker's input, with its newline.
std::string ToLine(const Operation& operation);

// Now, by the clock of Operation::call.
int64_t Nanoseconds();

// What was called and answered. Thread-safe.
class History {
 public:
  // Records a call that is over: with an answer, or with `outcome` unknown.
  // Of the latter it is not known yet when they can last have had an effect.
  void Add(Operation operation) ABSL_LOCKS_EXCLUDED(mutex_);
  // Nothing that was recorded so far can have an effect any more: the server
  // that was called is no more.
  void End() ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until `n` more calls were answered than when it was called, or nobody
  // calls any more.
  void WaitForAnswers(size_t n) ABSL_LOCKS_EXCLUDED(mutex_);
  // Around what a caller does.
  void CallerBegins() ABSL_LOCKS_EXCLUDED(mutex_);
  void CallerEnds() ABSL_LOCKS_EXCLUDED(mutex_);

  // All of it. REQUIRES: End() was called after the last Add().
  std::vector<Operation> operations() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Operation> operations_ ABSL_GUARDED_BY(mutex_);
  // Those before it have ended for good.
  size_t ended_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t answers_ ABSL_GUARDED_BY(mutex_) = 0;
  int calling_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_LINEARIZABILITY_HISTORY_H_
