#include "engine/hosting/host_table.h"

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/tracking/tracking_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Value I(int64_t i) { return Value::Int(i); }

class HostTableTest : public TrackingTest {
 protected:
  static Definition HostedOf(std::string_view dest, std::string_view source,
                             std::string name = "f") {
    Definition definition;
    definition.dest = P(dest);
    definition.sources.push_back(P(source));
    definition.transform = HostedTransform{std::move(name)};
    return definition;
  }

  using Done = std::future<absl::StatusOr<CommitResult>>;
  Done Derive(Definition definition, const std::string& session = "s",
              bool wait = false) {
    auto done = std::make_shared<std::promise<absl::StatusOr<CommitResult>>>();
    CommitRequest request;
    request.derivation = DefineDerivation{std::move(definition), false};
    request.wait_derived = wait;
    controller_->Derive(std::move(request), session,
                        [done](absl::StatusOr<CommitResult> result) {
                          done->set_value(std::move(result));
                        });
    return done->get_future();
  }
  Done SetAndWait(std::string_view path, Value value) {
    CommitRequest request = Writes(path, std::move(value));
    request.wait_derived = true;
    return Submit(std::move(request));
  }

  // The calls that the session "s" is sent up to now.
  std::vector<FilledCall> Calls() {
    std::vector<FilledCall> calls;
    for (const auto& request : Requests()) {
      const auto* call = std::get_if<TransformCall>(&request->what());
      if (call == nullptr) continue;
      std::optional<FilledCall> filled = controller_->hosts().Fill(*call);
      if (filled.has_value()) calls.push_back(*std::move(filled));
    }
    return calls;
  }
  // The one call that comes of what was asked for: a commit that is waited for
  // may not be published yet.
  FilledCall TheCall() {
    std::vector<FilledCall> calls = Calls();
    while (calls.empty()) {
      std::this_thread::yield();
      calls = Calls();
    }
    EXPECT_EQ(calls.size(), 1u);
    return calls[0];
  }
  absl::StatusOr<Revision> Answer(const FilledCall& call,
                                  absl::StatusOr<Tree> result) {
    std::promise<absl::StatusOr<Revision>> done;
    controller_->hosts().Complete(
        call.call_id, std::move(result),
        [&](absl::StatusOr<Revision> revision) { done.set_value(revision); });
    return done.get_future().get();
  }
  Tree Now(std::string_view path) {
    return controller_->Published()->tree().Read(P(path), ReadLimits())->tree;
  }
  const DerivationProgress Progress(std::string_view dest) {
    return *controller_->Published()->derivations().Find(P(dest))->progress;
  }
};

TEST_F(HostTableTest, OneCallAtATimeAndTheNextAtOnce) {
  Set("/a", I(1));
  ASSERT_TRUE(Derive(HostedOf("/b", "/a")).get().ok());
  const FilledCall first = TheCall();
  EXPECT_THAT(first.sources, ElementsAre(Tree(I(1))));
  Set("/a", I(2));
  Set("/a", I(3));
  EXPECT_THAT(Calls(), IsEmpty());
  ASSERT_TRUE(Answer(first, Tree(I(10))).ok());
  // Of old sources, but nearer than none.
  EXPECT_EQ(Now("/b"), Tree(I(10)));
  EXPECT_EQ(Progress("/b").status, DerivationStatus::kStale);
  EXPECT_EQ(Progress("/b").source_revision, first.revision);
  const FilledCall second = TheCall();
  EXPECT_THAT(second.sources, ElementsAre(Tree(I(3))));
  ASSERT_TRUE(Answer(second, Tree(I(30))).ok());
  EXPECT_EQ(Now("/b"), Tree(I(30)));
  EXPECT_EQ(Progress("/b").status, DerivationStatus::kOk);
  EXPECT_THAT(Calls(), IsEmpty());
  EXPECT_EQ(ErrorReason(Answer(second, Tree(I(0))).status()),
            "CALL_NOT_FOUND");
}

TEST_F(HostTableTest, AChangeRightAfterTheDefinitionIsSeen) {
  Set("/a", I(1));
  ASSERT_TRUE(Derive(HostedOf("/b", "/a")).get().ok());
  const FilledCall first = TheCall();
  // Gets the number that the definition, which changed nothing, did not take.
  Set("/a", I(2));
  ASSERT_TRUE(Answer(first, Tree(I(10))).ok());
  EXPECT_EQ(Progress("/b").status, DerivationStatus::kStale);
  EXPECT_THAT(TheCall().sources, ElementsAre(Tree(I(2))));
}

TEST_F(HostTableTest, AWriteWaits) {
  Set("/a", I(1));
  Done derived = Derive(HostedOf("/b", "/a"), "s", true);
  ASSERT_TRUE(Answer(TheCall(), Tree(I(10))).ok());
  ASSERT_TRUE(derived.get().ok());
  Done written = SetAndWait("/a", I(2));
  const FilledCall call = TheCall();
  Set("/elsewhere", I(1));
  const absl::StatusOr<Revision> answered = Answer(call, Tree(I(20)));
  const CommitResult result = *written.get();
  EXPECT_EQ(result.derived_revision, *answered);
  EXPECT_THAT(result.pending, IsEmpty());
  // What is not affected does not wait.
  EXPECT_EQ(SetAndWait("/elsewhere", I(2)).get()->derived_revision, 0);
}

TEST_F(HostTableTest, AWriteWaitsForWhatFollows) {
  Set("/a", I(1));
  ASSERT_TRUE(Derive(HostedOf("/b", "/a", "f")).get().ok());
  ASSERT_TRUE(Answer(TheCall(), Tree(I(10))).ok());
  ASSERT_TRUE(Derive(HostedOf("/c", "/b", "g")).get().ok());
  ASSERT_TRUE(Answer(TheCall(), Tree(I(100))).ok());
  Done written = SetAndWait("/a", I(2));
  ASSERT_TRUE(Answer(TheCall(), Tree(I(20))).ok());
  const FilledCall call = TheCall();
  EXPECT_EQ(call.definition->dest, P("/c"));
  const absl::StatusOr<Revision> last = Answer(call, Tree(I(200)));
  EXPECT_EQ(written.get()->derived_revision, *last);
}

TEST_F(HostTableTest, WhatIsComputedFromBothIsWaitedForToTheEnd) {
  Set("/a", I(1));
  ASSERT_TRUE(Derive(HostedOf("/b", "/a", "f")).get().ok());
  ASSERT_TRUE(Answer(TheCall(), Tree(I(10))).ok());
  Definition both = HostedOf("/c", "/a", "g");
  both.sources.push_back(P("/b"));
  ASSERT_TRUE(Derive(both).get().ok());
  ASSERT_TRUE(Answer(TheCall(), Tree(I(100))).ok());
  Done written = SetAndWait("/a", I(2));
  std::vector<FilledCall> calls = Calls();
  while (calls.size() < 2) {
    for (FilledCall& call : Calls()) calls.push_back(std::move(call));
  }
  const size_t b = calls[0].definition->dest == P("/b") ? 0 : 1;
  ASSERT_TRUE(Answer(calls[b], Tree(I(20))).ok());
  // It was called with the old /b.
  ASSERT_TRUE(Answer(calls[1 - b], Tree(I(150))).ok());
  const absl::StatusOr<Revision> last = Answer(TheCall(), Tree(I(200)));
  EXPECT_EQ(written.get()->derived_revision, *last);
}

TEST_F(HostTableTest, WhatCannotBeReachedIsPending) {
  Set("/a", I(1));
  ASSERT_TRUE(Derive(HostedOf("/b", "/a")).get().ok());
  ASSERT_TRUE(Answer(TheCall(), Tree(I(1))).ok());
  // Too slow.
  Done slow = SetAndWait("/a", I(2));
  const FilledCall call = TheCall();
  clock_.Advance(absl::Seconds(5));
  controller_->hosts().Tick();
  CommitResult result = *slow.get();
  ASSERT_EQ(result.pending.size(), 1u);
  EXPECT_EQ(result.pending[0].dest, P("/b"));
  EXPECT_EQ(result.pending[0].why, PendingDestination::Why::kSlow);
  // Failed.
  ASSERT_TRUE(Answer(call, absl::UnknownError("no")).ok());
  EXPECT_EQ(Now("/b"), Tree());
  Done failed = SetAndWait("/a", I(3));
  ASSERT_TRUE(Answer(TheCall(), absl::UnknownError("no")).ok());
  result = *failed.get();
  ASSERT_EQ(result.pending.size(), 1u);
  EXPECT_EQ(result.pending[0].why, PendingDestination::Why::kFailed);
  EXPECT_EQ(result.pending[0].message, "no");
  // Nobody there.
  Done left = SetAndWait("/a", I(4));
  ASSERT_TRUE(controller_->sessions().Close("s").ok());
  result = *left.get();
  ASSERT_EQ(result.pending.size(), 1u);
  EXPECT_EQ(result.pending[0].why, PendingDestination::Why::kNoHost);
  EXPECT_TRUE(Progress("/b").outdated);
}

TEST_F(HostTableTest, AStopEndsTheWait) {
  Set("/a", I(1));
  Done derived = Derive(HostedOf("/b", "/a"), "s", true);
  TheCall();
  ASSERT_TRUE(controller_->Stop().ok());
  ASSERT_EQ(derived.get()->pending.size(), 1u);
}

TEST_F(HostTableTest, AnotherHostTakesOver) {
  Set("/a", I(1));
  ASSERT_TRUE(Derive(HostedOf("/b", "/a")).get().ok());
  ASSERT_TRUE(Answer(TheCall(), Tree(I(1))).ok());
  const OpenedSession other =
      *controller_->sessions().Open("other", false, [] {});
  ASSERT_TRUE(Derive(HostedOf("/b", "/a"), "other").get().ok());
  EXPECT_THAT(controller_->hosts().HostsOf(P("/b")),
              ElementsAre("s", "other"));
  Done written = SetAndWait("/a", I(2));
  EXPECT_THAT(Calls(), IsEmpty());
  ASSERT_TRUE(controller_->sessions().Close("other").ok());
  ASSERT_TRUE(Answer(TheCall(), Tree(I(2))).ok());
  EXPECT_THAT(written.get()->pending, IsEmpty());
  EXPECT_EQ(Now("/b"), Tree(I(2)));
}

TEST_F(HostTableTest, AResumedSessionIsCalledAgain) {
  Set("/a", I(1));
  ASSERT_TRUE(Derive(HostedOf("/b", "/a")).get().ok());
  const FilledCall lost = TheCall();
  Open();
  const FilledCall again = TheCall();
  EXPECT_NE(again.call_id, lost.call_id);
  ASSERT_TRUE(Answer(again, Tree(I(1))).ok());
  // Whichever comes first counts.
  EXPECT_EQ(ErrorReason(Answer(lost, Tree(I(2))).status()), "CALL_NOT_FOUND");
}

TEST_F(HostTableTest, OtherDefinitionsReplaceIt) {
  Set("/a", I(1));
  ASSERT_TRUE(Derive(HostedOf("/b", "/a", "old")).get().ok());
  const FilledCall old = TheCall();
  ASSERT_TRUE(Derive(HostedOf("/b", "/a", "new")).get().ok());
  EXPECT_EQ(ErrorReason(Answer(old, Tree(I(1))).status()), "CALL_NOT_FOUND");
  ASSERT_TRUE(Answer(TheCall(), Tree(I(2))).ok());
  EXPECT_EQ(Now("/b"), Tree(I(2)));
}

TEST_F(HostTableTest, AbsentSourcesAreNotCalledWith) {
  Done derived = Derive(HostedOf("/b", "/a"), "s", true);
  // The session may be asked only after a first look.
  while (derived.wait_for(std::chrono::seconds(0)) !=
         std::future_status::ready) {
    EXPECT_THAT(Calls(), IsEmpty());
  }
  EXPECT_THAT(derived.get()->pending, IsEmpty());
  Set("/a", I(1));
  const FilledCall call = TheCall();
  CommitRequest deletion;
  deletion.operations.push_back(DeleteOperation{.path = P("/a")});
  ASSERT_TRUE(Submit(std::move(deletion)).get().ok());
  ASSERT_TRUE(Answer(call, Tree(I(1))).ok());
  EXPECT_EQ(Now("/b"), Tree());
  EXPECT_EQ(Progress("/b").status, DerivationStatus::kOk);
  EXPECT_THAT(Calls(), IsEmpty());
}

// Found by //tests/derivation: once it had failed, nobody waited for it.
TEST_F(HostTableTest, WhatFailsAndIsComputedAgainIsWaitedFor) {
  Set("/a", I(1));
  ASSERT_TRUE(Derive(HostedOf("/b", "/a", "f")).get().ok());
  ASSERT_TRUE(Answer(TheCall(), Tree(I(10))).ok());
  Definition both = HostedOf("/c", "/a", "g");
  both.sources.push_back(P("/b"));
  ASSERT_TRUE(Derive(both).get().ok());
  ASSERT_TRUE(Answer(TheCall(), Tree(I(100))).ok());
  Done written = SetAndWait("/a", I(2));
  std::vector<FilledCall> calls = Calls();
  while (calls.size() < 2) {
    for (FilledCall& call : Calls()) calls.push_back(std::move(call));
  }
  const size_t b = calls[0].definition->dest == P("/b") ? 0 : 1;
  // It does not like the old /b.
  ASSERT_TRUE(Answer(calls[1 - b], absl::InvalidArgumentError("old")).ok());
  ASSERT_TRUE(Answer(calls[b], Tree(I(20))).ok());
  const absl::StatusOr<Revision> last = Answer(TheCall(), Tree(I(200)));
  const CommitResult result = *written.get();
  EXPECT_THAT(result.pending, IsEmpty());
  EXPECT_EQ(result.derived_revision, *last);
}

// Found by //tests/derivation: the answer came at once, for the result before it
// is of the same revision.
TEST_F(HostTableTest, WhatADefinitionWithoutARevisionAffectsIsWaitedFor) {
  Set("/a", I(1));
  ASSERT_TRUE(Derive(HostedOf("/b", "/a")).get().ok());
  ASSERT_TRUE(Answer(TheCall(), Tree(I(10))).ok());
  // Takes a key away from the one around it, and is absent itself.
  Done derived = Derive(HostedOf("/b/k", "/absent"), "s", true);
  const FilledCall call = TheCall();
  EXPECT_EQ(call.definition->dest, P("/b"));
  const absl::StatusOr<Revision> answered = Answer(call, Tree(I(11)));
  while (derived.wait_for(std::chrono::seconds(0)) !=
         std::future_status::ready) {
    EXPECT_THAT(Calls(), IsEmpty());
  }
  EXPECT_EQ(derived.get()->derived_revision, *answered);
}

// Found by //tests/derivation: such a wait ended only when its time was over.
TEST_F(HostTableTest, ADefinitionThatChangesAValueIsNotWaitedForInVain) {
  Set("/a", I(1));
  ASSERT_TRUE(Derive(HostedOf("/b", "/a")).get().ok());
  ASSERT_TRUE(Answer(TheCall(), Tree(I(10))).ok());
  // The old value goes, and nothing is there to compute another from.
  Done derived = Derive(HostedOf("/b", "/absent"), "s", true);
  while (derived.wait_for(std::chrono::seconds(0)) !=
         std::future_status::ready) {
    EXPECT_THAT(Calls(), IsEmpty());
  }
  EXPECT_THAT(derived.get()->pending, IsEmpty());
  EXPECT_EQ(Now("/b"), Tree());
}

}  // namespace
}  // namespace restate
