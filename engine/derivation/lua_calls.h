#ifndef RESTATE_ENGINE_DERIVATION_LUA_CALLS_H_
#define RESTATE_ENGINE_DERIVATION_LUA_CALLS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/derivation/commit_budget.h"
#include "engine/derivation/long_calls.h"
#include "engine/lua/lua_runtime.h"
#include "engine/tree/tree.h"

namespace restate {

// Whether a status of LuaCalls says that the derivation is put off, and whether
// because a call took too much of the processor's time. What a function or a read
// fails with is in an outcome instead.
bool IsPutOff(const absl::Status& status);
bool IsTimeout(const absl::Status& status);

// The calls of Lua functions in one commit: each has a budget of its own, and
// those of one definer have his share of the commit's. One that takes long may be
// left to another thread, and the commit with it: LongCalls.
//
// Not thread-safe: the sequencer's own.
class LuaCalls {
 public:
  // `*long_calls`: those of the commit that were left to another thread, if any
  // were; null if all are to be made here. What takes more than
  // `trial_instructions` is left. The pointers must outlive this.
  LuaCalls(LuaRuntime* runtime, const LuaBudget& call, CommitBudget* budget,
           int64_t trial_instructions, std::shared_ptr<LongCalls>* long_calls)
      : runtime_(runtime),
        call_(call),
        budget_(budget),
        trial_instructions_(trial_instructions),
        long_calls_(long_calls) {}
  // Counts the calls, unless the commit is computed again.
  ~LuaCalls();
  LuaCalls(const LuaCalls&) = delete;
  LuaCalls& operator=(const LuaCalls&) = delete;

  // Calls a function of a derivation of `definer`; `reader`, unless null, is for
  // get(path).
  //   IsPutOff: the definer's share is used; or the call was ended for the time of
  //     the processor that it took, or not made in the time that a commit waits,
  //     which count as all of the share. Of one who is restricted no call is left.
  //   ABORTED: the call is in `*long_calls` now, and the commit is to be computed
  //     again when it is made.
  // All else is in the outcome.
  absl::StatusOr<LuaOutcome> Call(const std::string& definer,
                                  LuaFunction& function,
                                  absl::Span<const Tree> arguments,
                                  const LuaReader* reader = nullptr);
  // OK if the next of the definer's may be begun, or IsPutOff.
  absl::Status Begin(const std::string& definer);
  // OK if one that has been begun may read more, or IsPutOff; IsTimeout if it
  // would be no better in a commit of its own.
  absl::Status MayRead(const std::string& definer) const;
  // What the definer pays for beside calls: `sources` that were looked for, and
  // what was read.
  void ChargeSources(const std::string& definer, size_t sources);
  void ChargeRead(const std::string& definer, const Tree& tree);
  // How many bytes one read of the definer's may have, of the `most` that any may.
  size_t MayReadBytes(const std::string& definer, size_t most) const;
  // What it is put off with if it would have more: IsPutOff.
  absl::Status TooMuchToRead(const std::string& definer);

  // Whether a call was left.
  bool left() const { return left_; }
  // Whether more calls may be left in this attempt: those of the definer's that
  // are sure to be made, whatever the ones that were left come to.
  bool MayLeaveMore(const std::string& definer) const {
    return calls_left_ < kMostLeft &&
           budget_->Allowed(definer, call_.instructions) == call_.instructions;
  }

 private:
  // How many calls are left in one attempt: their arguments are kept meanwhile.
  static constexpr int kMostLeft = 16;

  // Why the rest of the definer's are put off.
  absl::Status ShareIsUsed(const std::string& definer) const;
  // A call with this budget, here or by another thread.
  absl::StatusOr<LuaOutcome> Make(const std::string& definer,
                                  LuaFunction& function,
                                  absl::Span<const Tree> arguments,
                                  const LuaBudget& budget,
                                  const LuaReader* reader);
  // What one came to that another thread was left.
  absl::StatusOr<LuaOutcome> Recall(LongCall* call, const LuaReader* reader);
  absl::Status Leave();
  // Has it made by another thread.
  absl::Status Note(LongCall call);

  LuaRuntime* const runtime_;
  const LuaBudget call_;
  CommitBudget* const budget_;
  const int64_t trial_instructions_;
  std::shared_ptr<LongCalls>* const long_calls_;
  bool left_ = false;
  int calls_left_ = 0;
  // Whose calls were left in this attempt: his next ones are not tried first.
  absl::flat_hash_set<std::string> left_of_;
  // To be counted.
  std::vector<LuaOutcome> made_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_LUA_CALLS_H_
