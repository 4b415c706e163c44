// Derivations at random, redefined and removed while several clients write and
// others read: whatever revision somebody sees, by a read of several paths, by
// StreamState, by events or as the sources of a hosted transform, shows derived
// values that are what a recomputation of that very revision gives.
//
// RESTATE_SEED replays a run as far as the machine's scheduling allows;
// RESTATE_COMMITS says how many commits each writer makes.

#include <atomic>
#include <cstdint>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/value/value_proto.h"
#include "gtest/gtest.h"
#include "tests/derivation/arrangement.h"
#include "tests/derivation/definer.h"
#include "tests/derivation/derivation_client.h"
#include "tests/derivation/hosting_session.h"
#include "tests/derivation/layered_state.h"
#include "tests/derivation/random_graph.h"
#include "tests/support/error_info.h"
#include "tests/support/subscription_reader.h"

namespace restate::test {
namespace {

constexpr int64_t kDefaultCommits = 150;
constexpr int kWriters = 3;
// Between two definitions.
constexpr int64_t kCommitsPerStep = 8;
constexpr size_t kMostSnapshots = 400;

class AtOnceTest : public testing::TestWithParam<Arrangement::Kind> {
 protected:
  AtOnceTest()
      : seed_(static_cast<uint64_t>(FromEnvironment(
            "RESTATE_SEED", std::random_device()()))),
        arrangement_(GetParam()),
        random_(seed_),
        definer_(random_(), &bodies_) {}

  void SetUp() override {
    std::cout << "RESTATE_SEED=" << seed_ << std::endl;
    server_ = arrangement_.Start();
    calls_ = std::make_unique<DerivationClient>(server_->address());
    host_ = std::make_unique<HostingSession>(server_->address(), "host",
                                             &bodies_);
    v1::SubscribeRequest request;
    request.add_patterns()->set_text("/");
    for (const Path& dest : Destinations()) {
      request.add_patterns()->set_text(dest.ToText());
    }
    request.set_encoding(v1::VALUE_ENCODING_TYPED);
    events_ = std::make_unique<SubscriptionReader>(
        Connect(server_->address()), request);
    ASSERT_TRUE(events_->WaitForSynced());
  }
  void TearDown() override {
    host_ = nullptr;
    events_ = nullptr;
    EXPECT_EQ(server_->Terminate(), 0);
    if (HasFailure()) {
      std::cerr << "RESTATE_SEED=" << seed_ << "\n" << server_->Log();
    }
  }

  static std::vector<Path> Paths() {
    std::vector<Path> paths = Destinations();
    paths.push_back(Path());
    for (const char* more : {"/s0", "/s1", "/s2", "/s0/a", "/d1/in"}) {
      paths.push_back(*Path::Parse(more));
    }
    return paths;
  }

  void Write(uint64_t seed, int64_t commits) {
    RandomGraph random(seed, {});
    Client client(server_->address());
    for (int64_t i = 0; i < commits && !HasFailure(); ++i) {
      EXPECT_TRUE(CommitAtRandom(client, random));
      ++commits_;
    }
    ++writers_done_;
  }
  // Reads in one way until the writers are done.
  template <typename ReadOnce>
  void ReadAll(std::vector<Snapshot>* seen, ReadOnce read_once) {
    DerivationClient calls(server_->address());
    while (writers_done_ < kWriters) {
      Reply<Snapshot> reply = read_once(calls);
      EXPECT_TRUE(reply.ok()) << FailureOf(reply.status);
      if (!reply.ok()) return;
      const bool is_new =
          seen->empty() || seen->back().revision != reply.response.revision;
      if (is_new && seen->size() < kMostSnapshots) {
        seen->push_back(std::move(reply.response));
      }
    }
  }

  void DefineMeanwhile() {
    int64_t next = kCommitsPerStep;
    while (writers_done_ < kWriters && !HasFailure()) {
      if (commits_ < next) {
        std::this_thread::yield();
        continue;
      }
      next += kCommitsPerStep;
      EXPECT_TRUE(definer_.Step(*calls_, "host"));
      if (random_() % 8 != 0) continue;
      // The stream breaks, and another takes the session up.
      for (HostedCall& call : host_->calls()) made_.push_back(std::move(call));
      host_ = nullptr;
      host_ = std::make_unique<HostingSession>(server_->address(), "host",
                                               &bodies_);
    }
  }

  // What the events say was there at each revision.
  void FollowEvents() {
    LayeredState state;
    for (const v1::Event& event : events_->events()) {
      // One of a derived path has its value, and is no derivation's.
      if (event.kind() == v1::EVENT_KIND_PING) continue;
      const bool derived = event.origin().kind() == v1::Origin::KIND_DERIVATION;
      const std::string& at = event.emitting_path().text();
      const Path path = *Path::Parse(at);
      const Tree value = event.has_new_value()
                             ? Tree(*FromProto(event.new_value()))
                             : std::nullopt;
      ASSERT_FALSE(event.new_omitted());
      if (!derived && event.pattern().text() == "/") {
        state.client = tree::Replace(state.client, path, value);
        // The root always reads as something.
        if (state.client.has_value() && state.client->is_empty_map()) {
          state.client = std::nullopt;
        }
      } else if (derived && event.pattern().text() == at &&
                 event.origin().derivation().text() == at) {
        state.derived[path] = value;
      } else {
        continue;
      }
      states_[event.revision()] = state;
    }
    // A destination is one as long as it is defined.
    for (auto& [revision, at] : states_) {
      std::map<Path, Tree> derived;
      for (const auto& [dest, rule] : definer_.At(revision)) {
        derived[dest] = at.derived[dest];
      }
      for (const auto& [dest, value] : at.derived) {
        EXPECT_TRUE(!value.has_value() || derived.contains(dest))
            << dest.ToText() << " is not defined at " << revision;
      }
      at.derived = std::move(derived);
    }
  }
  // As of a revision, which may be one that changed nothing.
  LayeredState StateAt(int64_t revision) const {
    const auto after = states_.upper_bound(revision);
    LayeredState state;
    if (after != states_.begin()) state = std::prev(after)->second;
    // What a definition that changed nothing has made.
    std::map<Path, Tree> derived;
    for (const auto& [dest, rule] : definer_.At(revision)) {
      derived[dest] = state.derived[dest];
    }
    state.derived = std::move(derived);
    return state;
  }

  void CheckEveryRevision() {
    int64_t compared = 0;
    for (const auto& [revision, state] : states_) {
      const Rules& rules = definer_.At(revision);
      std::map<Path, Tree> given;
      for (const auto& [dest, rule] : rules) {
        if (rule.runs == Rule::Runs::kHosted) {
          given[dest] = state.derived.at(dest);
        }
      }
      const Recomputed want = Recompute(state.client, rules, {}, given);
      if (want.too_large) continue;
      ++compared;
      for (const auto& [dest, value] : want.state.derived) {
        EXPECT_TRUE(tree::Identical(state.derived.at(dest), value))
            << dest.ToText() << " at revision " << revision << " is "
            << ToText(state.derived.at(dest)) << " instead of "
            << ToText(value) << "\n"
            << rules.at(dest).ToText()
            << "\nclients: " << ToText(state.client);
      }
      if (HasFailure()) return;
    }
    EXPECT_GT(compared, static_cast<int64_t>(states_.size() / 2));
  }

  void CheckSnapshots(const std::vector<Snapshot>& snapshots,
                      bool with_derived) {
    EXPECT_FALSE(snapshots.empty());
    for (const Snapshot& snapshot : snapshots) {
      const LayeredState state = StateAt(snapshot.revision);
      for (const auto& [path, value] : snapshot.values) {
        const Tree want = state.Read(path, with_derived);
        EXPECT_TRUE(tree::Identical(value, want))
            << path.ToText() << " at revision " << snapshot.revision
            << (with_derived ? " with" : " without") << " derived paths is "
            << ToText(value) << " instead of " << ToText(want);
      }
      if (HasFailure()) return;
    }
  }
  void CheckStreams(std::vector<Snapshot> snapshots) {
    EXPECT_FALSE(snapshots.empty());
    for (Snapshot& snapshot : snapshots) {
      const std::map<Path, Tree> want = StateAt(snapshot.revision).OwnValues();
      EXPECT_EQ(snapshot.values.size(), want.size())
          << "at revision " << snapshot.revision;
      for (const auto& [path, own] : want) {
        EXPECT_TRUE(tree::Identical(snapshot.values[path], own))
            << path.ToText() << " at revision " << snapshot.revision << " is "
            << ToText(snapshot.values[path]) << " instead of " << ToText(own);
      }
      if (HasFailure()) return;
    }
  }
  void CheckCalls() {
    for (HostedCall& call : host_->calls()) made_.push_back(std::move(call));
    for (const HostedCall& call : made_) {
      const LayeredState state = StateAt(call.revision);
      for (const auto& [dest, rule] : definer_.At(call.revision)) {
        if (rule.name != call.name) continue;
        ASSERT_EQ(call.sources.size(), rule.sources.size());
        for (size_t i = 0; i < rule.sources.size(); ++i) {
          const Tree want = state.Source(dest, rule.sources[i]);
          EXPECT_TRUE(tree::Identical(call.sources[i], want))
              << rule.ToText() << " was given " << ToText(call.sources[i])
              << " for source " << i << " instead of " << ToText(want)
              << " at revision " << call.revision;
        }
      }
    }
  }

  const uint64_t seed_;
  const Arrangement arrangement_;
  std::mt19937_64 random_;
  HostedBodies bodies_;
  Definer definer_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<DerivationClient> calls_;
  std::unique_ptr<HostingSession> host_;
  std::unique_ptr<SubscriptionReader> events_;
  std::vector<HostedCall> made_;
  std::atomic<int64_t> commits_ = 0;
  std::atomic<int> writers_done_ = 0;
  std::map<int64_t, LayeredState> states_;
};

TEST_P(AtOnceTest, EveryRevisionIsARecomputation) {
  const int64_t commits = FromEnvironment("RESTATE_COMMITS", kDefaultCommits);
  for (size_t i = 0; i < Destinations().size(); ++i) {
    ASSERT_TRUE(definer_.Step(*calls_, "host"));
  }
  std::vector<Snapshot> clients;
  std::vector<Snapshot> all;
  std::vector<Snapshot> streams;
  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([this, seed = random_(), commits] {
      Write(seed, commits);
    });
  }
  threads.emplace_back([&] {
    ReadAll(&clients, [](DerivationClient& calls) {
      return calls.Read(Paths(), v1::VIEW_WITHOUT_DERIVED);
    });
  });
  threads.emplace_back([&] {
    ReadAll(&all, [](DerivationClient& calls) {
      return calls.Read(Paths(), v1::VIEW_ALL);
    });
  });
  threads.emplace_back([&] {
    ReadAll(&streams, [](DerivationClient& calls) { return calls.Stream(); });
  });
  DefineMeanwhile();
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(calls_->WaitUntilNoneIsStale());
  const auto last = calls_->Read(Paths(), v1::VIEW_WITHOUT_DERIVED);
  ASSERT_TRUE(last.ok()) << FailureOf(last.status);
  ASSERT_TRUE(events_->WaitForRevision(last.response.revision));
  EXPECT_EQ(events_->Violations(), std::vector<std::string>());

  FollowEvents();
  CheckEveryRevision();
  if (HasFailure()) return;
  CheckSnapshots(clients, false);
  CheckSnapshots(all, true);
  CheckStreams(std::move(streams));
  CheckCalls();
  // When the hosts have come to rest, theirs are right as well.
  CheckSnapshots({last.response}, false);
  const Recomputed want = Recompute(last.response.values.at(Path()),
                                    definer_.rules(), {}, {});
  for (const auto& [dest, value] : want.state.derived) {
    if (want.too_large) break;
    EXPECT_TRUE(tree::Identical(last.response.values.at(dest), value))
        << dest.ToText() << " in the end is "
        << ToText(last.response.values.at(dest)) << " instead of "
        << ToText(value);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Arrangements, AtOnceTest,
    testing::Values(Arrangement::Kind::kMemory, Arrangement::Kind::kMixed),
    [](const testing::TestParamInfo<Arrangement::Kind>& info) {
      return info.param == Arrangement::Kind::kMemory ? "Memory" : "Mixed";
    });

}  // namespace
}  // namespace restate::test
