// Random graphs of derivations under random commits: after every commit each
// derived value is what a computation from the beginning gives, but for those that
// were put off and what is computed from them; and theirs too, when what was put
// off was computed. A failure shows its seed; RESTATE_SEED runs one again.
#include "engine/derivation/testing/derivation_test.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "engine/derivation/derivation_graph.h"
#include "engine/tree/testing/random_tree.h"

namespace restate {
namespace {

// The places that are written and derived from, three levels of two or three
// names each, and those that are derived.
constexpr int kDestinations = 9;
constexpr int kCommits = 120;

class DerivationRandomTest : public DerivationTest {
 protected:
  size_t Below(size_t end) { return random_() % end; }
  bool Chance(int percent) { return Below(100) < static_cast<size_t>(percent); }

  std::string RandomClientPath() {
    static const char* const kNames[] = {"a", "b", "c"};
    std::string path = absl::StrCat("/s", Below(2));
    for (size_t depth = Below(3); depth > 0; --depth) {
      path += absl::StrCat("/", kNames[Below(3)]);
    }
    return path;
  }
  Value RandomLeaf() {
    switch (Below(6)) {
      case 0:
        return Value::Null();
      case 1:
        return Value::Double(static_cast<double>(Below(1000)) / 7 *
                             (Chance(20) ? 1e200 : 1) *
                             (Chance(50) ? -1 : 1));
      case 2:
        return Value::String(absl::StrCat("t", Below(5)));
      default:
        return I(static_cast<int64_t>(Below(20)) - 10);
    }
  }
  Value RandomValue(int depth = 2) {
    if (depth == 0 || Chance(60)) return RandomLeaf();
    Value::Map map;
    for (const char* name : {"a", "b", "c", "d0", "d1"}) {
      if (Chance(40)) map = map.Set(name, RandomValue(depth - 1));
    }
    return *tree::Canonicalize(Value::MakeMap(map), Path(), {});
  }
  Operation RandomOperation() {
    std::string path = Chance(8) ? "/" : RandomClientPath();
    if (Chance(25)) return DeleteOf(path);
    SetOperation set = SetOf(path, RandomValue());
    if (path == "/" && set.value.is_leaf()) set.value = M({{"s0", I(1)}});
    switch (Below(6)) {
      case 0:
        set.mode = WriteMode::kMerge;
        break;
      case 1:
        set.mode = WriteMode::kIfAbsent;
        break;
      case 2:
        set.mode = WriteMode::kValue;
        set.value = RandomLeaf();
        if (path == "/") set.mode = WriteMode::kMerge, set.value = M({});
        break;
      default:
        break;
    }
    set.skip_notify = Chance(20);
    return set;
  }

  CommitRequest RandomCommit() {
    CommitRequest request;
    for (size_t n = 1 + Below(3); n > 0; --n) {
      request.operations.push_back(RandomOperation());
    }
    // Some are refused after they have done something.
    if (Chance(15)) {
      request.operations.push_back(SetOf("/refuse", Value::String("x")));
      request.operations.push_back(SetOf("/refuse", I(1), WriteMode::kAdd));
    }
    request.may_be_set_aside = Chance(70);
    return request;
  }
  // Several that are under way together.
  void CommitAtOnce(int64_t count) {
    std::vector<std::promise<absl::Status>> answers(count);
    for (std::promise<absl::Status>& answer : answers) {
      sequencer_->Submit(
          RandomCommit(), [this, &answer](absl::StatusOr<CommitResult> result) {
            // Before anything that was put off is computed.
            after_commit_ = State();
            answer.set_value(result.status());
          });
    }
    for (std::promise<absl::Status>& answer : answers) {
      const absl::Status status = answer.get_future().get();
      EXPECT_TRUE(status.ok() || ReasonOf(status) == "KIND_MISMATCH" ||
                  ReasonOf(status) == "DERIVED_PATH")
          << status;
    }
  }

  std::string RandomDest(int number) {
    switch (number % 3) {
      case 0:
        return absl::StrCat("/d", number);
      case 1:
        // Among what clients write.
        return absl::StrCat("/s", Below(2), "/d", number % 2);
      default:
        return absl::StrCat("/s0/a/d", number);
    }
  }
  std::string RandomSource() {
    const DerivationState state = State()->derivations();
    if (Chance(45) && !state.empty()) {
      size_t skip = Below(state.derivations.size());
      auto it = state.derivations.begin();
      while (skip-- > 0) ++it;
      return it->value.definition->dest.ToText();
    }
    return RandomClientPath();
  }
  Definition RandomDefinition(int number) {
    const std::string dest = RandomDest(number);
    Definition definition;
    if (Chance(45)) {
      static const Combine kCombines[] = {Combine::kCount, Combine::kSum,
                                          Combine::kMin,   Combine::kMax,
                                          Combine::kMean,  Combine::kCollect};
      definition = Aggregate(
          dest, RandomSource(), kCombines[Below(6)],
          Chance(60) ? "math.type(value) and value or nil" : "",
          Chance(30) ? "type(value)" : "");
    } else if (Chance(25)) {
      definition = Lua(dest, {},
                       absl::StrCat("local x = get('", RandomSource(),
                                    "') if type(x) == 'table' then return "
                                    "{n = get('",
                                    RandomClientPath(),
                                    "')} end return x"));
    } else {
      std::vector<std::pair<std::string, std::string>> sources;
      const size_t count = 1 + Below(3);
      std::string body = "local t = {}";
      for (size_t i = 0; i < count; ++i) {
        const std::string name = absl::StrCat("x", i);
        sources.push_back({name, RandomSource()});
        absl::StrAppend(&body, " t['k", i, "'] = ", name);
      }
      absl::StrAppend(&body, Chance(70) ? " return t" : " return x0");
      definition = Lua(dest, sources, body);
    }
    definition.call_when_absent = Chance(40);
    if (Chance(30)) definition.on_error = OnError::kKeepLast;
    definition.definer = absl::StrCat("definer", Below(3));
    return definition;
  }

  static bool HasCircle(const DerivationState& state) {
    for (auto it = state.derivations.begin(); !it.at_end(); ++it) {
      if (!it->value.progress->cyclic_reads.empty()) return true;
    }
    return false;
  }

  // Whether `holds` of it, or of what it is computed from.
  static bool AnyUpstream(
      const DerivationState& state, const Path& dest,
      const std::function<bool(const Derivation& derivation)>& holds) {
    const std::vector<Path> upstream = state.graph->AllUpstreamOf(dest);
    return std::any_of(
        upstream.begin(), upstream.end(),
        [&](const Path& one) { return holds(*state.Find(one)); });
  }
  static bool IsOverBudget(const Derivation& derivation) {
    return derivation.progress->status == DerivationStatus::kOverBudget;
  }
  // It holds what it did before it failed.
  static bool KeepsLast(const Derivation& derivation) {
    return derivation.progress->status == DerivationStatus::kError &&
           derivation.definition->on_error == OnError::kKeepLast;
  }

  // What a server that was given the same state and definitions only now has.
  void CompareWithRecomputation(
      const std::shared_ptr<const PublishedState>& state) {
    SequencerOptions options = Options();
    options.derivations.commit_instructions = int64_t{1} << 40;
    CommitRecorder ignored;
    options.listener = &ignored;
    options.mounts.push_back({Path(), std::make_unique<MemoryBackend>()});
    auto fresh = *Sequencer::Start(std::move(options));
    const auto commit = [&](CommitRequest request) {
      std::promise<absl::StatusOr<CommitResult>> answer;
      fresh->Submit(std::move(request),
                    [&](absl::StatusOr<CommitResult> result) {
                      answer.set_value(std::move(result));
                    });
      return answer.get_future().get().status();
    };
    const Tree clients =
        state->clients_tree().Read(Path(), ReadLimits())->tree;
    if (clients.has_value()) {
      CommitRequest fill;
      fill.operations = {SetOf("/", *clients)};
      ASSERT_TRUE(commit(fill).ok());
    }
    const auto& derivations = state->derivations().derivations;
    for (auto it = derivations.begin(); !it.at_end(); ++it) {
      CommitRequest define;
      define.derivation = DefineDerivation{*it->value.definition, false};
      ASSERT_EQ(commit(define), absl::OkStatus());
    }
    const auto expected = fresh->publication().Newest();
    // A circle of reads is an error for whoever closed it: that depends on what
    // was computed first.
    if (HasCircle(state->derivations()) || HasCircle(expected->derivations())) {
      return;
    }
    ++compared_;
    for (auto it = derivations.begin(); !it.at_end(); ++it) {
      const Path& dest = it->value.definition->dest;
      if (AnyUpstream(state->derivations(), dest, IsOverBudget)) {
        ++put_off_;
        continue;
      }
      if (AnyUpstream(state->derivations(), dest, KeepsLast)) continue;
      const Tree& got = state->derivations().values.Find(dest)->value;
      const Tree& want = expected->derivations().values.Find(dest)->value;
      EXPECT_TRUE(tree::Identical(got, want))
          << dest.ToText() << " is "
          << (got.has_value() ? got->DebugString() : "absent") << " instead of "
          << (want.has_value() ? want->DebugString() : "absent") << " ("
          << expected->derivations().Find(dest)->progress->message << ")";
      EXPECT_EQ(it->value.progress->status == DerivationStatus::kError,
                expected->derivations().Find(dest)->progress->status ==
                    DerivationStatus::kError)
          << dest.ToText() << ": " << it->value.progress->message << " / "
          << expected->derivations().Find(dest)->progress->message;
    }
    // Derived values are in no client's part.
    EXPECT_TRUE(tree::Identical(
        clients, expected->clients_tree().Read(Path(), {})->tree));
  }

  // Effects tell all that changed, in a row, and each destination once. The
  // exception: that a circle of reads is open again is found out while the
  // commit is computed, and so may be after something that depends on the one
  // who had closed it. It is computed with that one absent, and then with its
  // value: DerivationKindsTest.WhatIsBehindACircleThatOpensMayBeComputedTwice.
  void CheckEffects(const SequencedCommit& commit, bool circle) {
    std::set<Path> derived;
    int32_t last = -1;
    for (const Effect& effect : commit.effects) {
      EXPECT_GE(effect.index, last);
      last = effect.index;
      if (!effect.derived) {
        EXPECT_TRUE(derived.empty()) << "a client's after a derived write";
        continue;
      }
      EXPECT_FALSE(effect.skip_notify);
      EXPECT_FALSE(tree::Identical(effect.before, effect.after));
      EXPECT_TRUE(derived.insert(effect.path).second || circle)
          << effect.path.ToText() << " written twice";
    }
  }

  void RunRandom(uint64_t seed, bool durable) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    random_.seed(seed);
    // Many calls take longer than so many, and are left to another thread.
    limits_.trial_instructions = Chance(50) ? 100 : 20'000;
    // And more than a commit may spend.
    const bool scarce = Chance(60);
    limits_.commit_instructions =
        scarce ? static_cast<int64_t>(300 + Below(6'000)) : 20'000'000;
    limits_.slice_instructions = scarce ? 500 : 100'000;
    if (durable) {
      StartDurable();
    } else {
      Start();
    }
    for (int i = 0; i < kDestinations; ++i) {
      const absl::Status status = Define(RandomDefinition(i), true);
      if (!status.ok()) {
        EXPECT_EQ(ReasonOf(status), "CYCLE") << status;
      }
    }
    for (int i = 0; i < kCommits && !HasFailure(); ++i) {
      std::map<Path, int64_t> runs;
      bool circle = false;
      {
        // Let go of before a restart.
        const auto before = State();
        circle = HasCircle(before->derivations());
        const auto& old = before->derivations().derivations;
        for (auto it = old.begin(); !it.at_end(); ++it) {
          runs[it->value.definition->dest] = it->value.progress->runs;
        }
      }
      bool redefined = false;
      int64_t commits = 1;
      // At least one.
      const bool restart = durable && i == kCommits / 2;
      if (!restart && Chance(4)) {
        redefined = true;
        const absl::Status status = Define(
            RandomDefinition(static_cast<int>(Below(kDestinations))), true);
        if (!status.ok()) {
          EXPECT_EQ(ReasonOf(status), "CYCLE") << status;
        }
      } else if (!restart && Chance(2)) {
        redefined = true;
        Remove(RandomDest(static_cast<int>(Below(kDestinations))))
            .IgnoreError();
      } else if (restart || (durable && Chance(3))) {
        Restart();
        Settle();
        ++restarts_;
        redefined = true;
      } else {
        commits = Chance(30) ? 1 + static_cast<int64_t>(Below(5)) : 1;
        CommitAtOnce(commits);
      }
      Settle();
      // Else it is what the last one left.
      CompareWithRecomputation(
          after_commit_ != nullptr ? std::exchange(after_commit_, nullptr)
                                   : State());
      if (scarce) {
        SettleDerivations();
        const int before = put_off_;
        CompareWithRecomputation(State());
        EXPECT_EQ(put_off_, before) << "not computed";
      }
      if (!recorder_.published.empty()) {
        CheckEffects(recorder_.published.back(),
                     circle || commits > 1 ||
                         HasCircle(State()->derivations()));
      }
      if (redefined || scarce) continue;
      for (const auto& [dest, count] : runs) {
        const Derivation now = Now(dest.ToText());
        if (now.definition->tracked()) continue;
        EXPECT_LE(now.progress->runs, count + commits) << dest.ToText();
      }
    }
    // Without those that can close a circle there is something to compare.
    const auto last = State();
    const auto& derivations = last->derivations().derivations;
    for (auto it = derivations.begin(); !it.at_end(); ++it) {
      if (!it->value.definition->tracked()) continue;
      EXPECT_TRUE(Remove(it->value.definition->dest.ToText()).ok());
    }
    CompareWithRecomputation(State());
  }

  std::mt19937_64 random_;
  // As the last commit left it.
  std::shared_ptr<const PublishedState> after_commit_;
  // States that were compared with a recomputation, and restarts.
  int compared_ = 0;
  int restarts_ = 0;
  // Values that were not compared, because they were put off.
  int put_off_ = 0;
};

TEST_F(DerivationRandomTest, EveryValueIsThatOfARecomputation) {
  const uint64_t seed = TestSeed();
  for (uint64_t i = 0; i < 12 && !HasFailure(); ++i) {
    sequencer_.reset();
    RunRandom(seed + i, false);
  }
  if (!HasFailure()) {
    EXPECT_GT(compared_, 3 * kCommits);
    EXPECT_GT(put_off_, 0);
  }
}

TEST_F(DerivationRandomTest, AlsoAfterRestarts) {
  const uint64_t seed = TestSeed();
  RunRandom(seed, true);
  EXPECT_GT(compared_, 0);
  EXPECT_GT(restarts_, 0);
}

}  // namespace
}  // namespace restate
