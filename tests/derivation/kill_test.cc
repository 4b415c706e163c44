// Derivations at random under random writes, across kill -9: right after each
// restart, before anybody writes, the definitions are those that were answered
// (and perhaps the one under way), each derived value is what a recomputation
// gives, and what hosts computed is still there, STALE. When a host is back, it
// catches up.
//
// RESTATE_KILLS sets how many kills; RESTATE_SEED replays a run as far as the
// machine's scheduling allows.

#include <atomic>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/derivation/arrangement.h"
#include "tests/derivation/definer.h"
#include "tests/derivation/derivation_client.h"
#include "tests/derivation/hosting_session.h"
#include "tests/derivation/layered_state.h"
#include "tests/derivation/random_graph.h"
#include "tests/support/error_info.h"

namespace restate::test {
namespace {

constexpr int64_t kDefaultKills = 6;
constexpr int kWriters = 2;
constexpr uint64_t kMostCommits = 60;

class KillTest : public testing::TestWithParam<Arrangement::Kind> {
 protected:
  KillTest()
      : seed_(static_cast<uint64_t>(FromEnvironment(
            "RESTATE_SEED", std::random_device()()))),
        arrangement_(GetParam()),
        random_(seed_),
        definer_(random_(), &bodies_) {}

  void SetUp() override {
    std::cout << "RESTATE_SEED=" << seed_ << std::endl;
    server_ = arrangement_.Start();
    Connected();
    for (size_t i = 0; i < Destinations().size(); ++i) {
      ASSERT_TRUE(definer_.Step(*calls_, host_->id()));
    }
  }
  void TearDown() override {
    host_ = nullptr;
    EXPECT_EQ(server_->Terminate(), 0);
    if (HasFailure()) {
      std::cerr << "RESTATE_SEED=" << seed_ << "\n" << server_->Log();
    }
  }
  void Connected() {
    calls_ = std::make_unique<DerivationClient>(server_->address());
    host_ = std::make_unique<HostingSession>(
        server_->address(), absl::StrCat("host", hosts_++), &bodies_);
  }

  // Writes and defines until the server is gone.
  void Kill() {
    std::atomic<uint64_t> commits = 0;
    std::atomic<bool> killed = false;
    std::vector<std::thread> threads;
    for (int w = 0; w < kWriters; ++w) {
      threads.emplace_back([this, seed = random_(), &commits] {
        RandomGraph random(seed, {.skip_notify = true});
        Client client(server_->address());
        while (CommitAtRandom(client, random)) ++commits;
      });
    }
    threads.emplace_back([this, &commits, &killed] {
      uint64_t next = 0;
      while (true) {
        // So that most of the time is for writes.
        while (commits < next && !killed) std::this_thread::yield();
        if (!definer_.Step(*calls_, host_->id())) return;
        next = commits + 5;
      }
    });
    const uint64_t enough = 1 + random_() % kMostCommits;
    while (commits < enough && !HasFailure()) std::this_thread::yield();
    server_->Kill();
    killed = true;
    for (std::thread& thread : threads) thread.join();
    for (const HostedCall& call : host_->calls()) {
      Computed computed = Call(bodies_.Find(call.name), call.sources);
      if (!computed.failed) results_[call.name].push_back(computed.value);
    }
    host_ = nullptr;
  }

  // Whether these are the definitions that the server has.
  static bool AreDefined(const std::map<Path, v1::DerivationInfo>& list,
                         const Rules& rules) {
    if (list.size() != rules.size()) return false;
    for (const auto& [dest, rule] : rules) {
      const auto found = list.find(dest);
      if (found == list.end() ||
          found->second.definition().SerializeAsString() !=
              rule.ToRequest("").SerializeAsString()) {
        return false;
      }
    }
    return true;
  }

  Snapshot ReadNow() {
    std::vector<Path> paths = Destinations();
    paths.push_back(Path());
    const auto read = calls_->Read(paths, v1::VIEW_WITHOUT_DERIVED);
    EXPECT_TRUE(read.ok()) << FailureOf(read.status);
    return read.response;
  }
  void Compare(const Snapshot& got, const Recomputed& want) {
    for (const Path& dest : Destinations()) {
      const Tree expected = want.state.Read(dest, false);
      const auto rule = definer_.rules().find(dest);
      EXPECT_TRUE(tree::Identical(got.values.at(dest), expected))
          << dest.ToText() << " is " << ToText(got.values.at(dest))
          << " instead of " << ToText(expected) << "\n"
          << (rule == definer_.rules().end() ? "" : rule->second.ToText())
          << "\nclients: " << ToText(got.values.at(Path()));
    }
  }

  void CheckAsItStarts() {
    const auto list = calls_->List();
    ASSERT_TRUE(list.ok()) << FailureOf(list.status);
    if (definer_.unanswered().has_value()) {
      definer_.Settle(AreDefined(list.response, *definer_.unanswered()));
    }
    ASSERT_TRUE(AreDefined(list.response, definer_.rules()))
        << "not what was defined";
    const Snapshot now = ReadNow();
    std::map<Path, Tree> given;
    for (const auto& [dest, rule] : definer_.rules()) {
      if (rule.runs == Rule::Runs::kHosted) given[dest] = now.values.at(dest);
    }
    const Recomputed want =
        Recompute(now.values.at(Path()), definer_.rules(), {}, given);
    if (want.too_large) return;
    Compare(now, want);
    for (const auto& [dest, rule] : definer_.rules()) {
      const v1::DerivationInfo& info = list.response.at(dest);
      if (rule.runs == Rule::Runs::kHosted) {
        CheckHosted(rule, info, want.state);
        continue;
      }
      EXPECT_EQ(info.status(), want.failed.at(dest)
                                   ? v1::DERIVATION_STATUS_ERROR
                                   : v1::DERIVATION_STATUS_OK)
          << info.ShortDebugString();
    }
  }
  void CheckHosted(const Rule& rule, const v1::DerivationInfo& info,
                   const LayeredState& state) {
    EXPECT_EQ(info.hosts_size(), 0);
    bool called = true;
    for (const Path& source : rule.sources) {
      called &= rule.call_when_absent ||
                state.Source(rule.dest, source).has_value();
    }
    EXPECT_EQ(info.status(), called ? v1::DERIVATION_STATUS_STALE
                                    : v1::DERIVATION_STATUS_OK)
        << info.ShortDebugString();
    const Tree& value = state.derived.at(rule.dest);
    bool known = !value.has_value();
    for (const Tree& result : results_[rule.name]) {
      known |= called && tree::Identical(value, result);
    }
    EXPECT_TRUE(known) << rule.ToText() << " is " << ToText(value)
                       << ", which no host has computed";
  }

  void CheckWithAHost() {
    definer_.HostAgain(*calls_, host_->id());
    ASSERT_TRUE(calls_->WaitUntilNoneIsStale());
    const Snapshot now = ReadNow();
    const Recomputed want =
        Recompute(now.values.at(Path()), definer_.rules(), {}, {});
    if (!want.too_large) Compare(now, want);
  }

  const uint64_t seed_;
  const Arrangement arrangement_;
  std::mt19937_64 random_;
  HostedBodies bodies_;
  Definer definer_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<DerivationClient> calls_;
  std::unique_ptr<HostingSession> host_;
  int hosts_ = 0;
  // What hosts have computed, by the name of the function.
  std::map<std::string, std::vector<Tree>> results_;
};

TEST_P(KillTest, AllThatIsDerivedIsRightAsSoonAsItServes) {
  const int64_t kills = FromEnvironment("RESTATE_KILLS", kDefaultKills);
  for (int64_t kill = 0; kill < kills && !HasFailure(); ++kill) {
    SCOPED_TRACE(absl::StrCat("kill ", kill));
    Kill();
    const absl::Status restarted = server_->Restart();
    ASSERT_TRUE(restarted.ok()) << restarted;
    Connected();
    CheckAsItStarts();
    if (!HasFailure()) CheckWithAHost();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Arrangements, KillTest,
    testing::Values(Arrangement::Kind::kRocksDb, Arrangement::Kind::kMixed),
    [](const testing::TestParamInfo<Arrangement::Kind>& info) {
      return info.param == Arrangement::Kind::kRocksDb ? "RocksDb" : "Mixed";
    });

}  // namespace
}  // namespace restate::test
