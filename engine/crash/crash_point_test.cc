#include "engine/crash/crash_point.h"

#include <signal.h>

#include <cstdlib>

#include "gtest/gtest.h"

namespace restate {
namespace {

TEST(CrashPointTest, KnowsThePlacesByName) {
  EXPECT_FALSE(ParseCrashRequest("")->has_value());
  EXPECT_EQ((*ParseCrashRequest("decided"))->point, CrashPoint::kDecided);
  EXPECT_EQ((*ParseCrashRequest("decided"))->time, 1u);
  EXPECT_EQ((*ParseCrashRequest("applying:3"))->point, CrashPoint::kApplying);
  EXPECT_EQ((*ParseCrashRequest("applying:3"))->time, 3u);
  EXPECT_EQ((*ParseCrashRequest("applied"))->point, CrashPoint::kApplied);
  for (const char* wrong : {"here", "decided:", "decided:0", ":1", "applied:x",
                            "applied:-1"}) {
    const auto request = ParseCrashRequest(wrong);
    EXPECT_EQ(request.status().code(), absl::StatusCode::kInvalidArgument)
        << wrong;
  }
}

TEST(CrashPointTest, DoesNothingUnasked) {
  ReachCrashPoint(CrashPoint::kDecided);
  EXPECT_FALSE(RequestedCrash()->has_value());
}

TEST(CrashPointDeathTest, EndsTheProcessAtTheTimeAskedFor) {
  // Reads the environment anew.
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  setenv("RESTATE_CRASH_AT", "applied:2", 1);
  EXPECT_EXIT(
      {
        ReachCrashPoint(CrashPoint::kApplied);
        ReachCrashPoint(CrashPoint::kDecided);
        ReachCrashPoint(CrashPoint::kApplied);
        exit(0);
      },
      testing::KilledBySignal(SIGKILL), "");
  unsetenv("RESTATE_CRASH_AT");
}

}  // namespace
}  // namespace restate
