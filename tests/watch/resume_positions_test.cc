// A stream cut after any event of a large commit goes on with exactly the rest.
//
// In process, where a stream can be asked for one event at a time and so gives a
// token behind every one; resume_test does a sample of it over the wire.
//
// RESTATE_RESUME_ALL=1 cuts the commits of 10,000 operations at every event (some
// minutes, each cut being a replay of 10,000 operations); otherwise those are cut
// here and there, and smaller ones at every event.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "engine/subscription/ack_token.h"
#include "engine/subscription/resume_position.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

std::string Text(const Tree& tree) {
  return tree.has_value() ? tree->DebugString() : "-";
}

std::string Line(const Event& event) {
  static constexpr const char* kKinds[] = {"SET", "DELETE", "PING", "INITIAL"};
  const Emission& emission = event.emission();
  return absl::StrCat(emission.revision, ".", emission.index, " ",
                      kKinds[static_cast<int>(emission.kind)], " ",
                      emission.emitting_path.ToText(), " at ",
                      event.current_path().ToText(), " (",
                      event.pattern().ToText(), "): ",
                      Text(emission.prev_value), " -> ",
                      Text(emission.new_value));
}

// One event of a stream that is read one at a time.
struct Step {
  Event event;
  std::string line;
  // Of the batch that the event was alone in.
  std::string token;
  Revision batch_revision = 0;
};

SetOperation Set(const std::string& path, Value value,
                 WriteMode mode = WriteMode::kSet) {
  SetOperation set;
  set.path = P(path);
  set.value = std::move(value);
  set.mode = mode;
  return set;
}

// /t/<group>/<name>, each of few.
std::string Place(int i) {
  return absl::StrCat("/t/a", i % 7, "/n", i * 31 % 11);
}

// What transactions are made of, in a fixed mixture.
Operation OperationNumber(int i) {
  switch (i % 10) {
    case 3:
      return DeleteOperation{.path = P(Place(i))};
    case 5:
      return PingOperation{.path = P(Place(i))};
    case 7:
      return Set(Place(i) + "/deep", Value::Int(i));
    case 9:
      return Set(absl::StrCat("/t/a", i % 7),
                 Value::MakeMap(Value::Map()
                                    .Set("n1", Value::Int(i))
                                    .Set("n3", Value::String("x"))
                                    .Set("n5", Value::Int(-i))));
    default:
      return Set(Place(i), Value::Int(i));
  }
}

std::vector<Operation> Transaction(int operations) {
  std::vector<Operation> all;
  for (int i = 0; i < operations; ++i) all.push_back(OperationNumber(i));
  return all;
}

// {"a0": {"n0": 0, ...}, ...}: about `leaves` of them.
Value WideMap(int leaves) {
  Value::Map top;
  for (int group = 0; group * 25 < leaves; ++group) {
    Value::Map map;
    for (int i = 0; i < 25; ++i) {
      map = map.Set(absl::StrCat("n", i), Value::Int(group * 100 + i));
    }
    top = top.Set(absl::StrCat("a", group), Value::MakeMap(map));
  }
  return Value::MakeMap(top);
}

// Of the commits of 10,000 operations, which every cut routes anew.
const std::vector<std::string>& FewPatterns() {
  static const auto* patterns =
      new std::vector<std::string>{"/t", "/t/*/n3", "/t/a1/n3"};
  return *patterns;
}

const std::vector<std::string>& Patterns() {
  static const auto* patterns = new std::vector<std::string>{
      "/", "/t", "/t/*", "/t/*/n3", "/t/*/*", "/t/a1/n3", "/t/a1/*"};
  return *patterns;
}

class ResumePositionsTest : public testing::Test {
 protected:
  ResumePositionsTest() {
    ControllerOptions options;
    options.mounts.push_back({Path(), std::make_unique<MemoryBackend>()});
    options.clock = &clock_;
    options.interceptions.max_pending = 1'000'000;
    controller_ = *Controller::Start(std::move(options));
  }

  Revision Commit(std::vector<Operation> operations) {
    CommitRequest request;
    request.operations = std::move(operations);
    std::promise<absl::StatusOr<CommitResult>> done;
    controller_->Commit(std::move(request),
                        [&](absl::StatusOr<CommitResult> result) {
                          done.set_value(std::move(result));
                        });
    absl::StatusOr<CommitResult> result = done.get_future().get();
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->revision : 0;
  }

  std::unique_ptr<EventStream> Subscribe(
      const std::vector<std::string>& patterns,
      SubscriptionStart start = StartNow(), bool intercepting = false) {
    SubscriptionSpec spec;
    for (const std::string& pattern : patterns) {
      spec.patterns.push_back(*PathPattern::Parse(pattern));
    }
    std::sort(spec.patterns.begin(), spec.patterns.end());
    spec.start = std::move(start);
    spec.intercepting = intercepting;
    auto stream =
        controller_->Subscribe(std::move(spec), size_t{1} << 30, [] {});
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);
  }
  std::unique_ptr<EventStream> Resume(const std::vector<std::string>& patterns,
                                      const std::string& token) {
    return Subscribe(patterns, StartAfter{DecodeResumeToken(token)->position});
  }

  // All commits that were answered, and stops that were asked for, have gone to
  // the subscribers: a subscription is made between two batches.
  void Barrier() { Subscribe({"/barrier"}); }

  // Up to `limit` events, one at a time.
  std::vector<Step> Steps(EventStream& stream, size_t limit = SIZE_MAX) {
    std::vector<Step> steps;
    Parcel parcel;
    while (steps.size() < limit) {
      absl::StatusOr<bool> more =
          stream.Take(size_t{1} << 30, 1, clock_.Monotonic(), &parcel);
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) break;
      for (const SubscriptionRun& run : parcel.runs) {
        EXPECT_LE(run.batch.events.size(), 1u);
        EXPECT_FALSE(run.batch.resume_token.empty());
        EXPECT_FALSE(run.batch.reset.has_value());
        EXPECT_FALSE(run.batch.gap.has_value());
        for (const Event& event : run.batch.events) {
          steps.push_back({event, Line(event), run.batch.resume_token,
                           run.batch.revision});
        }
      }
    }
    return steps;
  }
  // Everything that waits.
  std::vector<std::string> Lines(EventStream& stream) {
    std::vector<std::string> lines;
    Parcel parcel;
    while (true) {
      absl::StatusOr<bool> more =
          stream.Take(size_t{1} << 20, 1'000, clock_.Monotonic(), &parcel);
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) return lines;
      for (const SubscriptionRun& run : parcel.runs) {
        for (const Event& event : run.batch.events) lines.push_back(Line(event));
      }
    }
  }

  // Cuts the stream of `steps`, which listens to `patterns`, behind every
  // `every`th of its events, and looks at the next few; at the ends, and behind
  // every `every_whole`th, at all that follows.
  void CutEverywhere(const std::vector<Step>& steps,
                     const std::vector<std::string>& patterns, size_t every,
                     size_t every_whole) {
    std::vector<std::string> all;
    for (const Step& step : steps) all.push_back(step.line);
    for (size_t k = 0; k < steps.size(); ++k) {
      const bool at_an_end = k < 3 || k + 3 >= steps.size();
      if (k % every != 0 && !at_an_end) continue;
      const auto stream = Resume(patterns, steps[k].token);
      if (at_an_end || k % every_whole == 0) {
        ASSERT_EQ(Lines(*stream),
                  std::vector<std::string>(all.begin() + k + 1, all.end()))
            << "cut behind event " << k << ": " << all[k];
        continue;
      }
      const std::vector<Step> next = Steps(*stream, 3);
      ASSERT_EQ(next.size(), std::min<size_t>(3, all.size() - k - 1));
      for (size_t i = 0; i < next.size(); ++i) {
        ASSERT_EQ(next[i].line, all[k + 1 + i])
            << "cut behind event " << k << ": " << all[k];
        // A stream that was taken up gives the tokens that the first one gave.
        ASSERT_EQ(next[i].token, steps[k + 1 + i].token);
        ASSERT_EQ(next[i].batch_revision, steps[k + 1 + i].batch_revision);
      }
    }
  }

  // A batch tells of a revision only behind its last event.
  static void CheckBatchRevisions(const std::vector<Step>& steps) {
    for (size_t k = 0; k < steps.size(); ++k) {
      const Revision of_event = steps[k].event.emission().revision;
      const bool last_of_it =
          k + 1 == steps.size() ||
          steps[k + 1].event.emission().revision != of_event;
      if (!last_of_it) {
        ASSERT_EQ(steps[k].batch_revision, 0) << steps[k].line;
      }
    }
    ASSERT_GE(steps.back().batch_revision,
              steps.back().event.emission().revision);
  }

  SystemClock clock_;
  std::unique_ptr<Controller> controller_;
};

TEST_F(ResumePositionsTest, ATransactionCutAtEveryEvent) {
  const auto live = Subscribe(Patterns());
  Commit(Transaction(100));
  Commit({Set("/t/a1/n3", Value::Int(7))});
  Barrier();
  const std::vector<Step> steps = Steps(*live);
  ASSERT_GT(steps.size(), 300u);
  CheckBatchRevisions(steps);
  CutEverywhere(steps, Patterns(), 1, 40);
}

TEST_F(ResumePositionsTest, ATransactionOf10000OperationsCutAtEveryEvent) {
  const bool all = std::getenv("RESTATE_RESUME_ALL") != nullptr;
  const auto live = Subscribe(FewPatterns());
  Commit(Transaction(10'000));
  Barrier();
  const std::vector<Step> steps = Steps(*live);
  ASSERT_GT(steps.size(), 10'000u);
  CheckBatchRevisions(steps);
  CutEverywhere(steps, FewPatterns(), all ? 1 : 1'500, 7'500);
}

TEST_F(ResumePositionsTest, AMergeCutAtEveryEvent) {
  Commit({Set("/t/a0/n0/deep", Value::Int(1))});
  const auto live = Subscribe(Patterns());
  Commit({Set("/t", WideMap(100), WriteMode::kMerge)});
  Barrier();
  const std::vector<Step> steps = Steps(*live);
  ASSERT_GT(steps.size(), 200u);
  CutEverywhere(steps, Patterns(), 1, 40);
}

TEST_F(ResumePositionsTest, AWholeMapWithAllThatIsBelowCutAtEveryEvent) {
  Commit({Set("/t", WideMap(75))});
  const auto live = Subscribe(Patterns());
  Value::Map other;
  other = other.Set("a1", Value::MakeMap(Value::Map().Set("n3", Value::Int(1))));
  Commit({Set("/t", Value::MakeMap(other)), Set("/t", WideMap(100)),
          DeleteOperation{.path = P("/t")}});
  Barrier();
  const std::vector<Step> steps = Steps(*live);
  ASSERT_GT(steps.size(), 200u);
  CutEverywhere(steps, Patterns(), 1, 40);
}

// The subscription that goes on may be another than the one that was cut: a
// token says how far, not to whom.
TEST_F(ResumePositionsTest, ATokenDependsOnNobodysPatterns) {
  const auto some = Subscribe({"/t/*/n3", "/t"});
  const auto live = Subscribe(Patterns());
  Commit(Transaction(80));
  Barrier();
  const std::vector<Step> all = Steps(*live);
  for (const Step& cut : Steps(*some)) {
    // Behind its last event of a revision it was told all of it.
    if (cut.batch_revision != 0) continue;
    size_t k = 0;
    while (k < all.size() && all[k].line != cut.line) ++k;
    ASSERT_LT(k, all.size()) << cut.line;
    std::vector<std::string> rest;
    for (++k; k < all.size(); ++k) rest.push_back(all[k].line);
    ASSERT_EQ(Lines(*Resume(Patterns(), cut.token)), rest)
        << "cut behind " << cut.line;
  }
}

// A commit that changed too much to be told below it: those who listen there,
// and catch up past it, begin again, and hear once that they are live.
TEST_F(ResumePositionsTest, PastACommitTooLargeToTellAStreamBeginsAgainOnce) {
  const Revision before = Commit({Set("/t/a1/n3", Value::Int(1))});
  const Revision last = Commit({Set("/t", WideMap(12'000))});
  const auto stream = Subscribe({"/t/a1/*"},
                                StartAfter{ResumePosition{before, {}}});
  int resets = 0;
  std::vector<Revision> synced;
  std::vector<std::string> lines;
  Parcel parcel;
  while (*stream->Take(size_t{1} << 20, 1'000, clock_.Monotonic(), &parcel)) {
    for (const SubscriptionRun& run : parcel.runs) {
      if (run.batch.reset.has_value()) ++resets;
      if (run.batch.synced) synced.push_back(run.batch.revision);
      for (const Event& event : run.batch.events) lines.push_back(Line(event));
    }
  }
  EXPECT_EQ(resets, 1);
  EXPECT_EQ(synced, std::vector<Revision>{last});
  ASSERT_EQ(lines.size(), 25u);
  for (const std::string& line : lines) {
    EXPECT_NE(line.find(" INITIAL "), std::string::npos) << line;
  }
}

// Whether the interceptor stops this operation.
bool Stops(const Emission& emission) { return emission.index % 3 == 1; }

class InterceptedPositionsTest : public ResumePositionsTest {
 protected:
  // Answers everything that waits for it.
  void Answer(EventStream& interceptor) {
    std::vector<Controller::Acknowledgement> answers;
    for (const Step& step : Steps(interceptor)) {
      if (step.event.ack_id == 0) continue;
      answers.push_back(
          {EncodeAckToken(controller_->issuer(), step.event.ack_id),
           Stops(step.event.emission())});
    }
    ASSERT_FALSE(answers.empty());
    ASSERT_EQ(controller_->Acknowledge(answers), std::vector<std::string>());
  }

  // What the live stream told, the operations stopped at /t/* left out above.
  void ExpectStopped(const std::vector<Step>& steps) {
    size_t above = 0;
    for (const Step& step : steps) {
      const Emission& emission = step.event.emission();
      const bool upward = emission.emitting_path.depth() >= 2;
      const bool is_above = step.event.current_path().depth() < 2;
      if (!upward || !is_above) continue;
      ASSERT_FALSE(Stops(emission)) << step.line;
      ++above;
    }
    ASSERT_GT(above, 0u);
  }
};

TEST_F(InterceptedPositionsTest, WhatWasStoppedStaysStopped) {
  const auto interceptor = Subscribe({"/t/*"}, StartNow(), true);
  const auto live = Subscribe(Patterns());
  Commit(Transaction(100));
  Commit({Set("/t/a1/n3", Value::Int(7))});
  Barrier();
  // Up to the first event that waits.
  std::vector<Step> steps = Steps(*live);
  ASSERT_FALSE(steps.empty());
  ASSERT_EQ(steps.back().batch_revision, 0);
  const size_t before = steps.size();
  Answer(*interceptor);
  Barrier();
  for (Step& step : Steps(*live)) steps.push_back(std::move(step));
  ASSERT_GT(steps.size(), before);
  ExpectStopped(steps);
  CutEverywhere(steps, Patterns(), 1, 40);
}

// A stream that is taken up while the answer is still missing waits for it too.
TEST_F(InterceptedPositionsTest, AReplayWaitsForTheAnswer) {
  const auto interceptor = Subscribe({"/t/*"}, StartNow(), true);
  const auto live = Subscribe(Patterns());
  Commit(Transaction(100));
  Barrier();
  std::vector<Step> steps = Steps(*live);
  ASSERT_FALSE(steps.empty());
  const std::string token = steps.back().token;
  const auto resumed = Resume(Patterns(), token);
  EXPECT_EQ(Lines(*resumed), std::vector<std::string>());
  Answer(*interceptor);
  Barrier();
  std::vector<std::string> rest;
  for (const Step& step : Steps(*live)) rest.push_back(step.line);
  EXPECT_FALSE(rest.empty());
  EXPECT_EQ(Lines(*resumed), rest);
}

TEST_F(InterceptedPositionsTest, TenThousandOperations) {
  const bool all = std::getenv("RESTATE_RESUME_ALL") != nullptr;
  const auto interceptor = Subscribe({"/t/*"}, StartNow(), true);
  const auto live = Subscribe(FewPatterns());
  Commit(Transaction(10'000));
  Barrier();
  std::vector<Step> steps = Steps(*live);
  Answer(*interceptor);
  Barrier();
  for (Step& step : Steps(*live)) steps.push_back(std::move(step));
  ASSERT_GT(steps.size(), 5'000u);
  ExpectStopped(steps);
  CutEverywhere(steps, FewPatterns(), all ? 1 : 1'500, 7'500);
}

}  // namespace
}  // namespace restate
