#include "service/server/signal_table.h"

#include <signal.h>

#include <set>

#include "gtest/gtest.h"

namespace restate {
namespace {

// Whoever adds a signal to the kernel decides here what it does.
TEST(SignalTableTest, EverySignalIsDecided) {
  // Those that keep the kernel's default, as signal_table.h says.
  const std::set<int> kept = {SIGKILL, SIGSTOP, SIGQUIT, SIGILL,  SIGTRAP,
                              SIGABRT, SIGBUS,  SIGFPE,  SIGSEGV, SIGSYS,
                              SIGTSTP, SIGCONT, SIGCHLD, SIGURG,  SIGWINCH};
  std::set<int> decided = kept;
  for (const SignalRule& rule : SignalRules()) {
    EXPECT_TRUE(decided.insert(rule.number).second)
        << SignalName(rule.number) << " twice";
    EXPECT_EQ(UseOf(rule.number), rule.use);
  }
  for (int number = 1; number <= SIGRTMAX; ++number) {
    // Those in between are the C library's.
    if (number > SIGSYS && number < SIGRTMIN) continue;
    EXPECT_TRUE(decided.contains(number)) << SignalName(number);
  }
}

TEST(SignalTableTest, Names) {
  EXPECT_EQ(SignalName(SIGHUP), "SIGHUP");
  EXPECT_EQ(SignalName(SIGRTMIN), "SIGRTMIN+0");
  EXPECT_EQ(SignalName(SIGRTMIN + 3), "SIGRTMIN+3");
  EXPECT_EQ(SignalName(0), "signal 0");
}

}  // namespace
}  // namespace restate
