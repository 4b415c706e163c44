#ifndef RESTATE_ENGINE_DERIVATION_LONG_CALLS_H_
#define RESTATE_ENGINE_DERIVATION_LONG_CALLS_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/lua/lua_runtime.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"

namespace restate {

// A call of a Lua function that takes longer than other commits should wait:
// what it is of, and what it came to. Functions are pure, so that it is the same
// whoever makes the call, and when.
struct LongCall {
  std::vector<std::string> parameters;
  std::string source;
  std::vector<Tree> arguments;
  LuaBudget budget;
  // Whether it may read with get; and what it was given, in order.
  bool tracked = false;
  std::vector<std::pair<Path, Tree>> reads;
  // Whose function it is.
  std::string definer;

  // Set when it is made.
  std::optional<LuaOutcome> outcome;
  // Instead: what it wants to read beyond `reads`.
  std::optional<Path> wanted;
};

// Makes `call` with a runtime of the caller's thread: sets its outcome, or what
// it wants.
void MakeLongCall(LuaRuntime& runtime, LongCall* call);

// The long calls of one commit. Whoever computes the commit notes a call here
// instead of making it, and gives the commit up; another thread makes the call;
// the commit is computed again, and finds what the call came to. If its
// arguments have changed meanwhile it is another call.
//
// Thread-compatible: it goes with its commit from thread to thread.
class LongCalls {
 public:
  // The commit gives up no more than so many times: then what is left is called
  // by whoever computes it, so that it ends also where its sources change all
  // the time.
  static constexpr int kMostTimes = 64;

  // The call of this function with these arguments, if it was noted.
  LongCall* Find(const LuaFunction& function, absl::Span<const Tree> arguments,
                 const LuaBudget& budget, bool tracked);
  // To be made before the commit is computed again.
  void Note(LongCall call);
  // Reads differ: computing the commit again is enough.
  void Drop(const LongCall* call);
  // `call` has what it wanted to read, if anything, and is to be made.
  void NoteAgain(LongCall* call);

  // What is to be made now; null if nothing is.
  LongCall* next();
  // Whether the commit was given up since it was last asked.
  bool TakeGivenUp() {
    if (given_up_) ++times_;
    return std::exchange(given_up_, false);
  }
  bool exhausted() const { return times_ >= kMostTimes; }
  // Forgets the calls, but not whose they were.
  void Forget() { calls_.clear(); }
  // Those whose calls were noted at any time; and whether there are any of one's
  // now.
  const absl::flat_hash_set<std::string>& definers() const {
    return definers_;
  }
  bool HasCallsOf(const std::string& definer) const;

  // How long the commit has waited for its calls; and that it waits no longer:
  // what is not made by now is put off, since others write it than those who
  // defined what it calls.
  absl::Duration waited() const { return waited_; }
  void AddWait(absl::Duration time) { waited_ += time; }
  void EndWait() { wait_is_over_ = true; }
  bool wait_is_over() const { return wait_is_over_; }

 private:
  // Pointers into it stay, but for Drop.
  std::deque<LongCall> calls_;
  absl::flat_hash_set<std::string> definers_;
  bool given_up_ = false;
  int times_ = 0;
  absl::Duration waited_;
  bool wait_is_over_ = false;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_LONG_CALLS_H_
