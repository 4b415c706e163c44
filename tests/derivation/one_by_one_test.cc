// Derivations at random under random commits, one after the other, over gRPC:
// after each commit all that can be read is what a recomputation from the
// beginning gives, and so is what each commit was answered.
//
// RESTATE_SEED replays a run; RESTATE_COMMITS says how many commits each makes.

#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/value/value_proto.h"
#include "gtest/gtest.h"
#include "tests/derivation/arrangement.h"
#include "tests/derivation/derivation_client.h"
#include "tests/derivation/hosting_session.h"
#include "tests/derivation/layered_state.h"
#include "tests/derivation/random_graph.h"
#include "tests/property/model.h"
#include "tests/support/error_info.h"
#include "tests/watch/random_writes.h"

namespace restate::test {
namespace {

constexpr int64_t kDefaultCommits = 150;

struct Case {
  const char* name;
  Arrangement::Kind kind;
  bool hosted;
};

class OneByOneTest : public testing::TestWithParam<Case> {
 protected:
  OneByOneTest()
      : seed_(static_cast<uint64_t>(FromEnvironment(
            "RESTATE_SEED", std::random_device()()))),
        arrangement_(GetParam().kind),
        random_(seed_, {.hosted = GetParam().hosted,
                        .failure_policies = !GetParam().hosted,
                        .skip_notify = true}) {}

  void SetUp() override {
    std::cout << "RESTATE_SEED=" << seed_ << std::endl;
    server_ = arrangement_.Start();
    Connected();
  }
  void TearDown() override {
    host_ = nullptr;
    if (server_->running()) {
      EXPECT_EQ(server_->Terminate(), 0);
    }
    if (HasFailure()) {
      std::cerr << "RESTATE_SEED=" << seed_ << "\n" << server_->Log();
    }
  }

  void Connected() {
    calls_ = std::make_unique<DerivationClient>(server_->address());
    if (GetParam().hosted) OpenHost();
  }
  void OpenHost() {
    host_ = std::make_unique<HostingSession>(
        server_->address(), absl::StrCat("host", hosts_++), &bodies_);
  }
  std::string HostId() const { return host_ == nullptr ? "" : host_->id(); }

  Recomputed Expect(const Tree& client, const Rules& rules) const {
    return Recompute(client, rules, kept_, {});
  }
  // Goes on from what was expected.
  void Accept(Model model, Rules rules, Recomputed expected) {
    model_ = std::move(model);
    rules_ = std::move(rules);
    expected_ = std::move(expected);
    kept_ = expected_.state.derived;
  }
  void WaitForHosts(bool slow) {
    if (GetParam().hosted && slow) {
      ASSERT_TRUE(calls_->WaitUntilNoneIsStale());
    }
  }
  template <typename Response>
  void NotePending(const Response& response) {
    bool slow = false;
    for (const v1::PendingDestination& pending : response.pending()) {
      slow |= pending.why() == v1::PendingDestination::WHY_SLOW;
      EXPECT_NE(pending.why(), v1::PendingDestination::WHY_NO_HOST)
          << pending.dest().text();
    }
    WaitForHosts(slow);
  }

  // Whether a derivation that fails refuses the commit: its sources changed.
  bool IsRefused(const Recomputed& after) const {
    for (const auto& [dest, rule] : rules_) {
      if (rule.on_error != v1::ON_ERROR_FAIL_WRITE || !after.failed.at(dest)) {
        continue;
      }
      for (const Path& source : rule.sources) {
        if (!tree::Identical(expected_.state.Source(dest, source),
                             after.state.Source(dest, source))) {
          return true;
        }
      }
    }
    return false;
  }
  // Whether one that fails may have refused it.
  bool MayBeRefused(const Recomputed& after) const {
    for (const auto& [dest, rule] : rules_) {
      if (rule.on_error == v1::ON_ERROR_FAIL_WRITE && after.failed.at(dest)) {
        return true;
      }
    }
    return false;
  }

  // What clients' part becomes; nothing if the commit addresses what is derived
  // or does not fit what is there.
  std::optional<Model> Apply(const std::vector<Operation>& operations) const {
    std::vector<Operation> own;
    for (const Operation& operation : operations) {
      const auto* set = std::get_if<SetOperation>(&operation);
      const auto* erase = std::get_if<DeleteOperation>(&operation);
      const Path* path = set != nullptr ? &set->path
                         : erase != nullptr ? &erase->path
                                            : nullptr;
      if (path != nullptr && expected_.state.OwnerOf(*path).has_value()) {
        return std::nullopt;
      }
      if (set == nullptr || !set->value.is_map()) {
        own.push_back(operation);
        continue;
      }
      SetOperation stripped = *set;
      const Tree value =
          WithoutDerived(rules_, set->path, set->value,
                         set->mode == WriteMode::kMerge);
      if (!value.has_value()) continue;
      stripped.value = *value;
      own.push_back(stripped);
    }
    Model model = model_;
    std::vector<Model::Outcome> outcomes;
    std::vector<ModelEvent> events;
    if (!model.Apply(own, 1, {}, &outcomes, &events)) return std::nullopt;
    return model;
  }

  void CommitSomething() {
    const std::vector<Operation> operations = random_.RandomOperations();
    std::optional<Model> model = Apply(operations);
    std::optional<Recomputed> after;
    if (model.has_value()) {
      after = Expect(model->Read(Path()), rules_);
      if (after->too_large) return;
    }
    v1::CommitRequest request = ToMessage(operations, "payload");
    request.set_wait(v1::WAIT_DERIVED);
    if (random_.Chance(10) && !rules_.empty()) {
      AddPrecondition(request.add_preconditions()->mutable_equals());
    }
    const auto reply = calls_->client().Commit(request);
    if (reply.ok()) {
      ASSERT_TRUE(model.has_value()) << request.ShortDebugString();
      ASSERT_FALSE(IsRefused(*after)) << request.ShortDebugString();
      NotePending(reply.response);
      Accept(*std::move(model), rules_, *std::move(after));
      ++commits_;
      return;
    }
    const Failure failure = FailureOf(reply.status);
    if (failure.reason == "DERIVATION_FAILED") {
      ASSERT_TRUE(after.has_value() && MayBeRefused(*after)) << failure;
    } else {
      ASSERT_FALSE(model.has_value())
          << failure << " " << request.ShortDebugString();
      ASSERT_TRUE(failure.reason == "DERIVED_PATH" ||
                  failure.reason == "KIND_MISMATCH")
          << failure;
    }
  }

  // That a destination is what it is.
  void AddPrecondition(v1::Precondition::Equals* equals) {
    for (const auto& [dest, value] : expected_.state.derived) {
      if (!value.has_value()) continue;
      equals->mutable_path()->set_text(dest.ToText());
      ToProto(*value, equals->mutable_value());
      return;
    }
    equals->mutable_path()->set_text("/");
    ToProto(*expected_.state.Read(Path(), false), equals->mutable_value());
  }

  void DefineSomething() {
    const Path dest = random_.RandomDestination();
    const Rule rule = random_.RandomRule(dest, rules_);
    Rules rules = rules_;
    rules[dest] = rule;
    const bool ordered = Order(rules, true).has_value();
    // A circle that a tracked one closes is found by whoever comes last.
    if (!ordered && Order(rules, false).has_value()) return;
    const bool overwrite = random_.Chance(70);
    const bool owned = expected_.state.OwnerOf(dest).has_value();
    const bool empty = !model_.Read(dest).has_value();
    const bool refused = !owned && !empty && !overwrite;
    Model model = model_;
    if (!owned && !empty) {
      std::vector<Model::Outcome> outcomes;
      std::vector<ModelEvent> events;
      ASSERT_TRUE(model.Apply({DeleteOperation{.path = dest}}, 1, {},
                              &outcomes, &events));
    }
    v1::DeriveRequest request = rule.ToRequest(HostId());
    const auto old = rules_.find(dest);
    const bool same =
        old != rules_.end() &&
        old->second.ToRequest(HostId()).SerializeAsString() ==
            request.SerializeAsString();
    std::map<Path, Tree> kept = kept_;
    if (!same) kept.erase(dest);
    std::optional<Recomputed> after;
    if (ordered && !refused) {
      after = Recompute(model.Read(Path()), rules, kept, {});
      if (after->too_large) return;
    }
    if (rule.runs == Rule::Runs::kHosted) bodies_.Add(rule);
    request.set_overwrite(overwrite);
    request.set_wait(v1::WAIT_DERIVED);
    const auto reply = calls_->Derive(request);
    if (!reply.ok()) {
      const Failure failure = FailureOf(reply.status);
      EXPECT_EQ(failure.code, "FAILED_PRECONDITION") << failure;
      if (failure.reason == "CYCLE") {
        EXPECT_FALSE(ordered) << rule.ToText() << ": " << failure;
      } else {
        EXPECT_EQ(failure.reason, "DEST_NOT_EMPTY") << failure;
        EXPECT_TRUE(refused) << rule.ToText();
      }
      return;
    }
    ASSERT_TRUE(ordered && !refused) << rule.ToText();
    NotePending(reply.response);
    kept_ = std::move(kept);
    redefined_ = true;
    Accept(std::move(model), std::move(rules), *std::move(after));
  }

  void RemoveSomething() {
    const Path dest = random_.RandomDestination();
    Rules rules = rules_;
    const bool found = rules.erase(dest) > 0;
    const bool ordered = Order(rules, true).has_value();
    if (!ordered && Order(rules, false).has_value()) return;
    std::optional<Recomputed> after;
    if (ordered) {
      after = Expect(model_.Read(Path()), rules);
      if (after->too_large) return;
    }
    const auto reply = calls_->Remove(dest);
    if (!found) {
      EXPECT_EQ(CodeAndReason(reply.status),
                "NOT_FOUND / DERIVATION_NOT_FOUND");
      return;
    }
    if (!ordered) {
      EXPECT_EQ(CodeAndReason(reply.status), "FAILED_PRECONDITION / CYCLE");
      return;
    }
    ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
    WaitForHosts(true);
    redefined_ = true;
    Accept(model_, std::move(rules), *std::move(after));
  }

  void Restart() {
    host_ = nullptr;
    calls_ = nullptr;
    ASSERT_EQ(server_->Terminate(), 0);
    const absl::Status restarted = server_->Restart();
    ASSERT_TRUE(restarted.ok()) << restarted;
    Connected();
    HostAgain();
    redefined_ = true;
    if (GetParam().kind != Arrangement::Kind::kMixed) return;
    // What memory held is gone.
    Model model = model_;
    std::vector<Model::Outcome> outcomes;
    std::vector<ModelEvent> events;
    ASSERT_TRUE(model.Apply({DeleteOperation{.path = *Path::Parse("/s1")}}, 1,
                            {}, &outcomes, &events));
    Recomputed after = Expect(model.Read(Path()), rules_);
    Accept(std::move(model), rules_, std::move(after));
  }

  // Makes the session that is open now a host of all that is hosted.
  void HostAgain() {
    for (const auto& [dest, rule] : rules_) {
      if (rule.runs != Rule::Runs::kHosted) continue;
      v1::DeriveRequest request = rule.ToRequest(HostId());
      request.set_wait(v1::WAIT_DERIVED);
      const auto reply = calls_->Derive(request);
      ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
    }
    WaitForHosts(true);
  }

  void ChangeHosts() {
    if (host_ == nullptr) return;
    if (random_.Chance(50)) {
      // The stream ends and another takes the session up.
      const std::string id = host_->id();
      host_ = nullptr;
      host_ = std::make_unique<HostingSession>(server_->address(), id,
                                               &bodies_);
      return;
    }
    const auto before = std::move(host_);
    OpenHost();
    HostAgain();
    before->Close();
    redefined_ = true;
  }

  void Check() {
    std::vector<Path> paths = Destinations();
    paths.push_back(Path());
    for (const char* more : {"/s0", "/s1", "/s2", "/s0/a", "/d1/in"}) {
      paths.push_back(*Path::Parse(more));
    }
    CheckReads(paths, v1::VIEW_WITHOUT_DERIVED);
    CheckReads(paths, v1::VIEW_ALL);
    CheckStatus();
    if (!random_.Chance(20)) return;
    auto stream = calls_->Stream();
    ASSERT_TRUE(stream.ok()) << FailureOf(stream.status);
    std::map<Path, Tree>& got = stream.response.values;
    const std::map<Path, Tree> want = expected_.state.OwnValues();
    EXPECT_EQ(got.size(), want.size());
    for (const auto& [path, own] : want) {
      EXPECT_TRUE(got.contains(path) && tree::Identical(got[path], own))
          << path.ToText() << " is " << ToText(got[path]) << " instead of "
          << ToText(own);
    }
  }
  void CheckReads(const std::vector<Path>& paths, v1::View view) {
    const auto read = calls_->Read(paths, view);
    ASSERT_TRUE(read.ok()) << FailureOf(read.status);
    for (const Path& path : paths) {
      const Tree& got = read.response.values.at(path);
      const Tree want = expected_.state.Read(path, view == v1::VIEW_ALL);
      const auto rule = rules_.find(path);
      EXPECT_TRUE(tree::Identical(got, want))
          << path.ToText() << " in " << v1::View_Name(view) << " is "
          << ToText(got) << " instead of " << ToText(want) << "\n"
          << (rule == rules_.end() ? "" : rule->second.ToText())
          << "\nclients: " << ToText(model_.Read(Path()));
    }
  }
  void CheckStatus() {
    const auto list = calls_->List();
    ASSERT_TRUE(list.ok()) << FailureOf(list.status);
    ASSERT_EQ(list.response.size(), rules_.size());
    std::map<Path, int64_t> runs;
    for (const auto& [dest, info] : list.response) {
      const bool failed = expected_.failed.at(dest);
      EXPECT_EQ(info.status(), failed ? v1::DERIVATION_STATUS_ERROR
                                      : v1::DERIVATION_STATUS_OK)
          << info.ShortDebugString() << rules_.at(dest).ToText();
      runs[dest] = info.runs();
      const Rule::Runs kind = rules_.at(dest).runs;
      if (kind == Rule::Runs::kTracked || kind == Rule::Runs::kHosted ||
          redefined_ || GetParam().hosted) {
        continue;
      }
      EXPECT_LE(info.runs(), runs_[dest] + 1)
          << "computed more than once: " << dest.ToText();
    }
    runs_ = std::move(runs);
    redefined_ = false;
  }

  void Step() {
    const uint64_t kind = random_.Below(100);
    if (kind < 8) return DefineSomething();
    if (kind < 10) return RemoveSomething();
    if (kind < 12) return ChangeHosts();
    if (kind < 13 && GetParam().kind != Arrangement::Kind::kMemory) {
      return Restart();
    }
    CommitSomething();
  }

  const uint64_t seed_;
  const Arrangement arrangement_;
  RandomGraph random_;
  HostedBodies bodies_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<DerivationClient> calls_;
  std::unique_ptr<HostingSession> host_;
  int hosts_ = 0;
  int64_t commits_ = 0;

  // What is expected of the server now.
  Model model_;
  Rules rules_;
  Recomputed expected_;
  std::map<Path, Tree> kept_;
  std::map<Path, int64_t> runs_;
  bool redefined_ = false;
};

TEST_P(OneByOneTest, EverythingIsThatOfARecomputation) {
  const int64_t commits = FromEnvironment("RESTATE_COMMITS", kDefaultCommits);
  for (size_t i = 0; i < Destinations().size() && !HasFailure(); ++i) {
    DefineSomething();
    Check();
  }
  while (commits_ < commits && !HasFailure()) {
    Step();
    if (!HasFailure()) Check();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Arrangements, OneByOneTest,
    testing::Values(Case{"Memory", Arrangement::Kind::kMemory, false},
                    Case{"RocksDb", Arrangement::Kind::kRocksDb, false},
                    Case{"Mixed", Arrangement::Kind::kMixed, false},
                    Case{"MemoryHosted", Arrangement::Kind::kMemory, true},
                    Case{"MixedHosted", Arrangement::Kind::kMixed, true}),
    [](const testing::TestParamInfo<Case>& info) { return info.param.name; });

}  // namespace
}  // namespace restate::test
