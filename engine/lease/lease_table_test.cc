#include "engine/lease/lease_table.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "engine/clock/clock.h"
#include "engine/tree/tree.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

class ManualClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::UnixEpoch(); }
  absl::Duration Monotonic() const override { return now; }
  absl::Duration now = absl::Hours(1);
};

LeaseTerms Of(std::string session_id,
              absl::Duration ttl = absl::ZeroDuration()) {
  return {std::move(session_id), ttl};
}

SetOperation Set(std::string_view path, std::string session = "",
                 WriteMode mode = WriteMode::kSet,
                 Value value = Value::Int(1)) {
  SetOperation set;
  set.path = P(path);
  set.value = std::move(value);
  set.mode = mode;
  set.session_id = std::move(session);
  return set;
}

// The paths of all leases.
std::vector<std::string> All(const LeaseTable& table) {
  std::vector<std::string> all;
  for (const Path& path : table.Paths()) all.push_back(path.ToText());
  return all;
}
using Paths = std::vector<std::string>;

Paths Texts(const std::vector<Path>& paths) {
  Paths texts;
  for (const Path& path : paths) texts.push_back(path.ToText());
  return texts;
}

SetOperation SetFor(std::string_view path, absl::Duration ttl,
                    std::string session = "") {
  SetOperation set = Set(path, std::move(session));
  set.ttl = ttl;
  return set;
}

void Do(LeaseTable& table, std::vector<Operation> operations,
        bool changed = true) {
  CommitRequest request;
  request.operations = std::move(operations);
  CommitResult result;
  result.results.resize(request.operations.size());
  for (OperationResult& one : result.results) one.changed = changed;
  table.Stage(request, result);
}

TEST(LeaseTable, AWriteToThePathOrAboveEndsTheLease) {
  ManualClock clock;
  LeaseTable table(&clock, {{P("/a/b"), Of("s")},
                            {P("/a/c"), Of("s")},
                            {P("/x"), Of("t")}});
  EXPECT_EQ(All(table), (Paths{"/a/b", "/a/c", "/x"}));
  Do(table, {Set("/a/b/below")});
  EXPECT_EQ(All(table), (Paths{"/a/b", "/a/c", "/x"}));
  Do(table, {Set("/a/b")}, /*changed=*/false);
  EXPECT_EQ(All(table), (Paths{"/a/c", "/x"}));
  Do(table, {DeleteOperation{.path = P("/")}});
  EXPECT_EQ(All(table), Paths());
  EXPECT_EQ(table.Find(P("/x"))->terms, Of("t")) << "only staged so far";
  table.DropStaged();
  EXPECT_EQ(All(table), (Paths{"/a/b", "/a/c", "/x"}));
}

TEST(LeaseTable, AWriteWithASessionStartsItAnew) {
  ManualClock clock;
  LeaseTable table(&clock, {});
  EXPECT_TRUE(table.empty());
  Do(table, {Set("/a", "s"), Set("/b", "t")});
  EXPECT_EQ(table.PathsOf("s", 10).size(), 1u);
  table.PublishStaged();
  EXPECT_EQ(table.Find(P("/a"))->terms, Of("s"));
  Do(table, {Set("/a", "t")}, /*changed=*/false);
  ASSERT_EQ(table.Staged().size(), 1u);
  EXPECT_EQ(table.Staged()[0].terms, Of("t"));
  table.PublishStaged();
  EXPECT_EQ(table.PathsOf("t", 10).size(), 2u);
  EXPECT_EQ(table.PathsOf("s", 10).size(), 0u);
}

TEST(LeaseTable, OneThatFoundSomethingThereBindsNothing) {
  ManualClock clock;
  LeaseTable table(&clock, {});
  Do(table, {Set("/leader", "s", WriteMode::kIfAbsent)});
  Do(table, {Set("/leader", "t", WriteMode::kIfAbsent)}, /*changed=*/false);
  table.PublishStaged();
  EXPECT_EQ(table.Find(P("/leader"))->terms, Of("s"));
}

TEST(LeaseTable, AMergeAddressesItsLeavesOnly) {
  const Tree value =
      tree::ReplaceOwn(tree::Replace(std::nullopt, P("/a/b"), Value::Int(1)),
                       P("/own"), Value::Int(2));
  ManualClock clock;
  LeaseTable table(&clock, {{P("/r"), Of("s")},
                            {P("/r/a"), Of("s")},
                            {P("/r/a/b"), Of("s")},
                            {P("/r/a/b/c"), Of("s")},
                            {P("/r/z"), Of("s")}});
  Do(table, {Set("/r", "", WriteMode::kMerge, *value)});
  EXPECT_EQ(All(table), (Paths{"/r", "/r/a", "/r/z"}));
}

TEST(LeaseTable, OverdueAreGivenInTheOrderOfTheirDeadlines) {
  ManualClock clock;
  LeaseTable table(&clock, {{P("/found"), Of("", absl::Seconds(2))}});
  EXPECT_FALSE(table.HasOverdue());
  Do(table, {SetFor("/late", absl::Seconds(3)),
             SetFor("/soon", absl::Seconds(1)), Set("/session", "s")});
  EXPECT_FALSE(table.HasOverdue());
  table.PublishStaged();
  clock.now += absl::Milliseconds(999);
  EXPECT_FALSE(table.HasOverdue());
  EXPECT_EQ(table.Find(P("/soon"))->expires_in, absl::Milliseconds(1));
  EXPECT_EQ(table.Find(P("/session"))->expires_in, absl::InfiniteDuration());
  clock.now += absl::Milliseconds(1);
  EXPECT_TRUE(table.HasOverdue());
  EXPECT_EQ(Texts(table.Overdue(10)), (Paths{"/soon"}));
  clock.now += absl::Seconds(5);
  EXPECT_EQ(Texts(table.Overdue(10)), (Paths{"/soon", "/found", "/late"}));
  EXPECT_EQ(Texts(table.Overdue(2)), (Paths{"/soon", "/found"}));
  EXPECT_EQ(table.Find(P("/soon"))->expires_in, absl::ZeroDuration());
}

TEST(LeaseTable, AWriteWithATtlStartsItAnewAndOneWithoutEndsIt) {
  ManualClock clock;
  LeaseTable table(&clock, {});
  Do(table, {SetFor("/a", absl::Seconds(1)), SetFor("/b", absl::Seconds(1))});
  table.PublishStaged();
  clock.now += absl::Milliseconds(800);
  Do(table, {SetFor("/a", absl::Seconds(1))}, /*changed=*/false);
  Do(table, {Set("/b")});
  table.PublishStaged();
  clock.now += absl::Milliseconds(800);
  EXPECT_FALSE(table.HasOverdue());
  EXPECT_EQ(All(table), (Paths{"/a"}));
  clock.now += absl::Milliseconds(200);
  EXPECT_EQ(Texts(table.Overdue(10)), (Paths{"/a"}));
  // One that begins anew in the batch is not overdue for those behind it.
  Do(table, {SetFor("/a", absl::Seconds(1))}, /*changed=*/false);
  EXPECT_EQ(Texts(table.Overdue(10)), Paths());
  table.DropStaged();
  EXPECT_EQ(Texts(table.Overdue(10)), (Paths{"/a"}));
}

TEST(LeaseTable, SessionAndTtlTogether) {
  ManualClock clock;
  LeaseTable table(&clock, {});
  Do(table, {SetFor("/a", absl::Seconds(1), "s"),
             SetFor("/b", absl::Seconds(1)), Set("/c", "s"), Set("/d", "ss")});
  EXPECT_EQ(Texts(table.PathsOf("s", 10)), (Paths{"/a", "/c"}));
  table.PublishStaged();
  EXPECT_EQ(Texts(table.PathsOf("s", 10)), (Paths{"/a", "/c"}));
  EXPECT_EQ(Texts(table.PathsOfSessions(10)), (Paths{"/a", "/c", "/d"}));
  EXPECT_EQ(table.PathsOf("s", 1).size(), 1u);
  EXPECT_EQ(table.PathsOfSessions(2).size(), 2u);
  clock.now += absl::Seconds(1);
  EXPECT_EQ(Texts(table.Overdue(10)), (Paths{"/a", "/b"}));
  table.Postpone({P("/a")}, absl::Seconds(5));
  EXPECT_EQ(Texts(table.Overdue(10)), (Paths{"/b"}));
  Do(table, {DeleteOperation{.path = P("/")}});
  table.PublishStaged();
  EXPECT_TRUE(table.empty());
  clock.now += absl::Hours(1);
  EXPECT_FALSE(table.HasOverdue());
  EXPECT_EQ(Texts(table.PathsOfSessions(10)), Paths());
}

TEST(LeaseTable, WhatIsLoadedHasItsFullTimeAgain) {
  ManualClock clock;
  LeaseTable table(&clock, {});
  Do(table, {SetFor("/a", absl::Seconds(1))});
  table.PublishStaged();
  clock.now += absl::Milliseconds(900);
  Do(table, {SetFor("/b", absl::Seconds(1))});
  table.Reload({{P("/a"), Of("", absl::Seconds(1))}});
  EXPECT_FALSE(table.HasStaged());
  EXPECT_EQ(All(table), (Paths{"/a"}));
  EXPECT_EQ(table.Find(P("/a"))->expires_in, absl::Seconds(1));
}

}  // namespace
}  // namespace restate
