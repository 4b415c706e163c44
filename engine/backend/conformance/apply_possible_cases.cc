// Every backend must apply the writes of a batch that it can hold, and name the
// others.
#include <optional>
#include <utility>

#include "engine/backend/conformance/apply_possible_suite.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

Write SubtreeOf(std::string_view path, Tree value, Revision revision) {
  return Write{P(path), Write::Scope::kSubtree, std::move(value), revision, {}};
}

Tree TreeOf(std::vector<std::pair<std::string, Value>> leaves) {
  Tree tree;
  for (auto& [path, value] : leaves) {
    tree = tree::Replace(tree, P(path), std::move(value));
  }
  return tree;
}

Tree After(Tree tree, const std::vector<Write>& writes) {
  for (const Write& write : writes) {
    tree = write.scope == Write::Scope::kSubtree
               ? tree::Replace(tree, write.path, write.value)
               : tree::ReplaceOwn(tree, write.path, write.value);
  }
  return tree;
}

// Two commits in a batch, with something below /o in both.
std::vector<Write> TwoCommits() {
  std::vector<Write> writes;
  writes.push_back(SubtreeOf("/a", Value::Int(2), 2));
  writes.push_back(SubtreeOf("/o/x", Value::Int(1), 2));
  writes.push_back(SubtreeOf("/o/y", Value::Int(1), 2));
  writes.push_back(SubtreeOf("/z", Value::Int(1), 2));
  writes.push_back(SubtreeOf("/o/m", TreeOf({{"/k", Value::Int(5)}}), 3));
  writes.push_back(SubtreeOf("/o/x", Value::Int(2), 3));
  writes.push_back(SubtreeOf("/d", std::nullopt, 3));
  writes.push_back(SubtreeOf("/z", Value::Int(2), 3));
  writes.push_back(SubtreeOf("/a/b", Value::Int(7), 3));
  writes.push_back(
      Write{P("/a"), Write::Scope::kOwnValue, Value::Int(3), 3, {}});
  return writes;
}

}  // namespace

void ApplyPossibleTest::Apply(const std::vector<Write>& writes,
                              Revision revision) {
  const Tree before = Read();
  const Tree decided = After(before, writes);
  left_.clear();
  ASSERT_EQ(store_->backend().ApplyPossible(writes, revision, &left_),
            absl::OkStatus());
  EXPECT_EQ(store_->backend().applied_revision(), revision);
  Tree expected = decided;
  std::vector<Write> rest;
  for (const LeftWrite& left : left_) {
    const Path& path = left.write.path;
    EXPECT_FALSE(left.why.ok()) << path.ToText();
    EXPECT_NE(left.why.message(), "") << path.ToText();
    EXPECT_TRUE(P("/o").Contains(path)) << path.ToText();
    expected = tree::Replace(expected, path, tree::Get(before, path));
    rest.push_back(left.write);
  }
  EXPECT_EQ(Read(), expected);
  EXPECT_EQ(After(Read(), rest), decided);
}

Tree ApplyPossibleTest::Read() {
  absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot =
      store_->backend().TakeSnapshot();
  EXPECT_TRUE(snapshot.ok()) << snapshot.status();
  if (!snapshot.ok()) return std::nullopt;
  absl::StatusOr<ReadResult> read = (*snapshot)->Read(Path(), ReadLimits());
  EXPECT_TRUE(read.ok()) << read.status();
  return read.ok() ? read->tree : std::nullopt;
}

std::set<std::string> ApplyPossibleTest::LeftPaths() const {
  std::set<std::string> paths;
  for (const LeftWrite& left : left_) paths.insert(left.write.path.ToText());
  return paths;
}

Revision ApplyPossibleTest::LeftRevision(std::string_view path) const {
  Revision revision = 0;
  for (const LeftWrite& left : left_) {
    if (left.write.path.Contains(P(path))) revision = left.write.revision;
  }
  return revision;
}

TEST_P(ApplyPossibleTest, LeavesNothingWhereNothingIsInTheWay) {
  Apply({SubtreeOf("/a", Value::Int(1), 1), SubtreeOf("/d", Value::Int(1), 1)},
        1);
  EXPECT_TRUE(left_.empty());
  Apply(TwoCommits(), 3);
  EXPECT_TRUE(left_.empty());
  const Tree expected = TreeOf({{"/a/b", Value::Int(7)},
                          {"/o/m/k", Value::Int(5)},
                          {"/o/x", Value::Int(2)},
                          {"/o/y", Value::Int(1)},
                          {"/z", Value::Int(2)}});
  EXPECT_EQ(Read(), tree::ReplaceOwn(expected, P("/a"), Value::Int(3)));
}

TEST_P(ApplyPossibleTest, AppliesWhatItCanAndNamesTheRest) {
  Apply({SubtreeOf("/a", Value::Int(1), 1), SubtreeOf("/d", Value::Int(1), 1)},
        1);
  if (!store_->Obstruct()) GTEST_SKIP() << "takes batches whole";
  Apply(TwoCommits(), 3);
  ASSERT_FALSE(left_.empty());
  EXPECT_EQ(LeftRevision("/o/x"), 3) << "the last that said so";
  EXPECT_EQ(LeftRevision("/o/y"), 2);
  EXPECT_EQ(LeftRevision("/o/m/k"), 3);
  EXPECT_EQ(tree::Get(Read(), P("/o")), std::nullopt);
}

TEST_P(ApplyPossibleTest, TheSameAgainChangesNothing) {
  Apply({SubtreeOf("/d", Value::Int(1), 1)}, 1);
  store_->Obstruct();
  Apply(TwoCommits(), 3);
  const Tree once = Read();
  const std::set<std::string> left = LeftPaths();
  Apply(TwoCommits(), 3);
  EXPECT_EQ(Read(), once);
  EXPECT_EQ(LeftPaths(), left);
  if (!store_->Reopen()) return;
  EXPECT_EQ(Read(), once);
  EXPECT_EQ(store_->backend().applied_revision(), 3);
  Apply(TwoCommits(), 3);
  EXPECT_EQ(Read(), once);
  EXPECT_EQ(LeftPaths(), left);
}

TEST_P(ApplyPossibleTest, WhatIsLeftComesAgainWithOthersAndByItself) {
  if (!store_->Obstruct()) GTEST_SKIP() << "takes batches whole";
  Apply(TwoCommits(), 3);
  const Tree decided = After(Read(), [this] {
    std::vector<Write> writes;
    for (const LeftWrite& left : left_) writes.push_back(left.write);
    return writes;
  }());
  const std::set<std::string> paths = LeftPaths();
  std::vector<Write> again;
  for (const LeftWrite& left : left_) again.push_back(left.write);
  std::vector<Write> with_others = again;
  with_others.push_back(SubtreeOf("/n", Value::Int(1), 4));
  Apply(with_others, 4);
  EXPECT_EQ(LeftPaths(), paths);
  EXPECT_EQ(tree::Get(Read(), P("/n")), Tree(Value::Int(1)));
  store_->Clear();
  for (int times = 0; times < 2; ++times) {
    Apply(again, 4);
    EXPECT_TRUE(left_.empty());
    EXPECT_EQ(Read(), tree::Replace(decided, P("/n"), Value::Int(1)));
  }
}

// One write of everything: what of it can be is applied.
TEST_P(ApplyPossibleTest, AWriteAboveWhatIsInTheWayIsOfManyPaths) {
  Apply({SubtreeOf("/a", Value::Int(1), 1), SubtreeOf("/b", Value::Int(1), 1)},
        1);
  store_->Obstruct();
  Apply({SubtreeOf("/",
                   TreeOf({{"/a", Value::Int(5)},
                           {"/o/x", Value::Int(9)},
                           {"/q", Value::Int(1)}}),
                   2)},
        2);
  EXPECT_EQ(tree::Get(Read(), P("/a")), Tree(Value::Int(5)));
  EXPECT_EQ(tree::Get(Read(), P("/b")), std::nullopt);
  EXPECT_EQ(tree::Get(Read(), P("/q")), Tree(Value::Int(1)));
}

// A batch that fails as a whole is an error that names no write as left. It may have
// been applied all the same, and then a second try does no harm.
TEST_P(ApplyPossibleTest, ABatchThatFailsComesAgain) {
  if (store_->plan() == nullptr) GTEST_SKIP() << "never fails";
  Apply({SubtreeOf("/d", Value::Int(1), 1)}, 1);
  store_->Obstruct();
  const Tree before = Read();
  store_->plan()->FailWrite(1, FaultPlan::Happens::kNot);
  left_.clear();
  EXPECT_FALSE(
      store_->backend().ApplyPossible(TwoCommits(), 3, &left_).ok());
  EXPECT_EQ(Read(), before);
  EXPECT_EQ(store_->backend().applied_revision(), 1);
  store_->plan()->FailWrite(1, FaultPlan::Happens::kAllTheSame);
  EXPECT_FALSE(
      store_->backend().ApplyPossible(TwoCommits(), 3, &left_).ok());
  const Tree after = Read();
  Apply(TwoCommits(), 3);
  EXPECT_EQ(Read(), after);
}

// Instantiated by those who have arrangements.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ApplyPossibleTest);

}  // namespace restate
