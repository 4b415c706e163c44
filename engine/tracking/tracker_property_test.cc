// Whatever happens in between, a tracked callback ends on the newest state.

#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/tracking/tracking_fixture.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

constexpr int kInterleavings = 10'000;

// Runs a callback in steps, with writes of others in between. It reads a flag,
// and then one path or the other, once directly and once by a way above it.
class TrackerPropertyTest : public TrackingTest {
 protected:
  int Dice(int sides) {
    return std::uniform_int_distribution<int>(0, sides - 1)(random_);
  }

  // Something of somebody else's, which may or may not be awaited.
  void Disturb() {
    while (Dice(3) == 0) {
      CommitRequest request;
      switch (Dice(8)) {
        case 0:
          request = Writes("/flag", Value::Bool(Dice(2) == 0));
          break;
        case 1:
          request.operations.push_back(DeleteOperation{.path = P("/x/old")});
          break;
        case 2:
          request.operations.push_back(PingOperation{.path = P("/x")});
          break;
        case 3:
          request = Writes(
              "/x", MapOf({{"old", Value::Int(Dice(3))},
                                    {"new", Value::Int(Dice(3))}}));
          break;
        case 4:
          request = Writes("/elsewhere", Value::Int(Dice(100)));
          break;
        case 5:
          request = Writes("/x/old", Value::Int(Dice(3)));
          break;
        default:
          request = Writes("/x/new", Value::Int(Dice(3)));
          break;
      }
      for (Operation& operation : request.operations) {
        if (auto* set = std::get_if<SetOperation>(&operation)) {
          set->skip_notify = Dice(4) == 0;
        }
      }
      auto done = Submit(std::move(request));
      if (Dice(2) == 0) {
        ASSERT_TRUE(done.get().ok());
      } else {
        underway_.push_back(std::move(done));
      }
    }
  }

  // A tracked read, in the middle of which others write.
  Tree ReadSlowly(const std::string& run, std::string_view path) {
    const auto state = controller_->Published();
    Disturb();
    EXPECT_TRUE(
        controller_->trackers()
            .RecordReads(run, {P(path)}, View::kAll, state->revision())
            .ok());
    Disturb();
    return state->tree().Read(P(path), ReadLimits())->tree;
  }

  static bool IsSet(const Tree& flag) {
    return flag.has_value() && *flag == Value::Bool(true);
  }
  static std::string Text(const Tree& flag, const Tree& value) {
    return absl::StrCat(IsSet(flag) ? "old " : "new ",
                        value.has_value() ? value->DebugString() : "-");
  }

  std::string Callback(const std::string& tracker) {
    const std::string run = Begin(tracker);
    Disturb();
    const Tree flag = ReadSlowly(run, "/flag");
    Tree value;
    if (Dice(2) == 0) {
      value = ReadSlowly(run, IsSet(flag) ? "/x/old" : "/x/new");
    } else {
      const Tree both = ReadSlowly(run, "/x");
      value = tree::Get(both, P(IsSet(flag) ? "/old" : "/new"));
    }
    std::string seen = Text(flag, value);
    Set("/out", Value::String(seen), run);
    EXPECT_TRUE(End(run).ok());
    Disturb();
    return seen;
  }

  // What the callback would say now.
  std::string Expected() {
    const Snapshot& tree = controller_->Published()->tree();
    const Tree flag = tree.Read(P("/flag"), ReadLimits())->tree;
    return Text(flag, tree.Read(P(IsSet(flag) ? "/x/old" : "/x/new"),
                                ReadLimits())
                          ->tree);
  }

  std::mt19937 random_;
  std::vector<std::future<absl::StatusOr<CommitResult>>> underway_;
};

TEST_F(TrackerPropertyTest, EndsOnTheNewestState) {
  const char* given = std::getenv("RESTATE_TEST_SEED");
  const uint32_t seed =
      given != nullptr ? static_cast<uint32_t>(std::atoll(given)) : 20240607;
  for (int i = 0; i < kInterleavings; ++i) {
    SCOPED_TRACE(absl::StrCat("RESTATE_TEST_SEED=", seed + i));
    random_.seed(seed + static_cast<uint32_t>(i));
    const std::string tracker = absl::StrCat("t", i);
    std::string seen = Callback(tracker);
    while (true) {
      for (auto& done : underway_) ASSERT_TRUE(done.get().ok());
      underway_.clear();
      const std::vector<std::string> reruns = Reruns();
      if (reruns.empty()) break;
      // However much has changed, it is asked for once.
      ASSERT_EQ(reruns, std::vector<std::string>{tracker});
      seen = Callback(tracker);
    }
    ASSERT_EQ(seen, Expected());
    ASSERT_TRUE(controller_->trackers().StopTracker("s", tracker));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace restate
