// A diamond of ten levels: its foot and everything between is computed once a
// commit, told once, and never seen half way.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/derivation/derivation_client.h"
#include "tests/support/error_info.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

constexpr int kLevels = 10;
constexpr int kCommits = 20;

Path P(const std::string& text) { return *Path::Parse(text); }
std::string Left(int level) { return absl::StrCat("/left/", level); }
std::string Right(int level) { return absl::StrCat("/right/", level); }
// The foot of a level is the top of the next.
std::string Foot(int level) {
  return level == 0 ? "/top" : absl::StrCat("/foot/", level);
}

class DiamondTest : public StorageTest {
 protected:
  void SetUp() override {
    StorageTest::SetUp();
    calls_ = std::make_unique<DerivationClient>(server().address());
    client().Set("/top", "1");
    // From the bottom up, so that the order is not that of the definitions.
    for (int level = kLevels; level > 0; --level) {
      Define(Foot(level), {Left(level), Right(level)}, "a + b");
      Define(Left(level), {Foot(level - 1)}, "a");
      Define(Right(level), {Foot(level - 1)}, "a");
    }
  }

  void Define(const std::string& dest, const std::vector<std::string>& sources,
              const std::string& function) {
    v1::DeriveRequest request;
    request.mutable_dest()->set_text(dest);
    const char* const names[] = {"a", "b"};
    for (size_t i = 0; i < sources.size(); ++i) {
      request.add_sources()->set_text(sources[i]);
      request.mutable_lua()->add_parameters(names[i]);
    }
    request.mutable_lua()->set_source(function);
    const auto reply = calls_->Derive(request);
    ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
  }

  std::map<Path, int64_t> Runs() {
    std::map<Path, int64_t> runs;
    for (const auto& [dest, info] : calls_->List().response) {
      runs[dest] = info.runs();
    }
    return runs;
  }

  std::unique_ptr<DerivationClient> calls_;
};
INSTANTIATE_OVER_STORAGES(DiamondTest);

TEST_P(DiamondTest, EachNodeIsComputedOnceACommit) {
  v1::SubscribeRequest request;
  for (int level = 1; level <= kLevels; ++level) {
    for (const std::string& dest : {Left(level), Right(level), Foot(level)}) {
      request.add_patterns()->set_text(dest);
    }
  }
  const auto events = Subscribe(request);
  std::map<Path, int64_t> before = Runs();
  ASSERT_EQ(before.size(), size_t{3 * kLevels});
  for (int64_t number = 2; number < 2 + kCommits; ++number) {
    const int64_t revision = client().Set("/top", absl::StrCat(number));
    EXPECT_EQ(client().Revision(), revision);
    EXPECT_EQ(client().Get(Foot(kLevels)),
              absl::StrCat(number << kLevels));
    std::map<Path, int64_t> after = Runs();
    for (const auto& [dest, runs] : after) {
      EXPECT_EQ(runs, before[dest] + 1) << dest.ToText();
    }
    before = std::move(after);
  }
  // A write beside it, and one that changes nothing, compute nothing.
  client().Set("/elsewhere", "1");
  client().Set("/top", absl::StrCat(1 + kCommits));
  EXPECT_EQ(Runs(), before);

  // Every event has the revision of its commit, and the levels follow.
  std::map<int64_t, std::vector<std::string>> told;
  for (const v1::Event& event :
       events->WaitForEvents(size_t{3 * kLevels} * kCommits)) {
    told[event.revision()].push_back(event.emitting_path().text());
  }
  EXPECT_EQ(told.size(), size_t{kCommits});
  for (const auto& [revision, dests] : told) {
    std::map<std::string, size_t> place;
    for (size_t i = 0; i < dests.size(); ++i) {
      EXPECT_TRUE(place.emplace(dests[i], i).second) << dests[i] << " twice";
    }
    ASSERT_EQ(place.size(), size_t{3 * kLevels});
    for (int level = 1; level <= kLevels; ++level) {
      EXPECT_LT(place[Left(level)], place[Foot(level)]);
      EXPECT_LT(place[Right(level)], place[Foot(level)]);
      if (level == 1) continue;
      EXPECT_LT(place[Foot(level - 1)], place[Left(level)]);
      EXPECT_LT(place[Foot(level - 1)], place[Right(level)]);
    }
  }
}

// What is equal to what was there goes no further.
TEST_P(DiamondTest, NobodyComputesBehindWhatHasNotChanged) {
  Define(Left(1), {Foot(0)}, "a // 100");
  Define(Right(1), {Foot(0)}, "a // 100");
  client().Set("/top", "100");
  const std::map<Path, int64_t> before = Runs();
  client().Set("/top", "101");
  for (const auto& [dest, runs] : Runs()) {
    const bool reads_it = dest == P(Left(1)) || dest == P(Right(1));
    EXPECT_EQ(runs, before.at(dest) + (reads_it ? 1 : 0)) << dest.ToText();
  }
}

}  // namespace
}  // namespace restate::test
