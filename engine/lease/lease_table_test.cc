#include "engine/lease/lease_table.h"

#include <string>
#include <vector>

#include "engine/tree/tree.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

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

// "path=session" of everything there is.
std::vector<std::string> All(const LeaseTable& table) {
  std::vector<std::string> all;
  for (const Path& path : table.PathsOf(std::nullopt)) {
    all.push_back(path.ToText());
  }
  return all;
}
using Paths = std::vector<std::string>;

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
  LeaseTable table({{P("/a/b"), "s"}, {P("/a/c"), "s"}, {P("/x"), "t"}});
  EXPECT_EQ(All(table), (Paths{"/a/b", "/a/c", "/x"}));
  Do(table, {Set("/a/b/below")});
  EXPECT_EQ(All(table), (Paths{"/a/b", "/a/c", "/x"}));
  Do(table, {Set("/a/b")}, /*changed=*/false);
  EXPECT_EQ(All(table), (Paths{"/a/c", "/x"}));
  Do(table, {DeleteOperation{.path = P("/")}});
  EXPECT_EQ(All(table), Paths());
  EXPECT_EQ(table.Find(P("/x")), "t") << "only staged so far";
  table.DropStaged();
  EXPECT_EQ(All(table), (Paths{"/a/b", "/a/c", "/x"}));
}

TEST(LeaseTable, AWriteWithASessionStartsItAnew) {
  LeaseTable table({});
  EXPECT_TRUE(table.empty());
  Do(table, {Set("/a", "s"), Set("/b", "t")});
  EXPECT_EQ(table.PathsOf("s").size(), 1u);
  table.PublishStaged();
  EXPECT_EQ(table.Find(P("/a")), "s");
  Do(table, {Set("/a", "t")}, /*changed=*/false);
  ASSERT_EQ(table.Staged().size(), 1u);
  EXPECT_EQ(table.Staged()[0].session_id, "t");
  table.PublishStaged();
  EXPECT_EQ(table.PathsOf("t").size(), 2u);
  EXPECT_EQ(table.PathsOf("s").size(), 0u);
}

TEST(LeaseTable, OneThatFoundSomethingThereBindsNothing) {
  LeaseTable table({});
  Do(table, {Set("/leader", "s", WriteMode::kIfAbsent)});
  Do(table, {Set("/leader", "t", WriteMode::kIfAbsent)}, /*changed=*/false);
  table.PublishStaged();
  EXPECT_EQ(table.Find(P("/leader")), "s");
}

TEST(LeaseTable, AMergeAddressesItsLeavesOnly) {
  const Tree value =
      tree::ReplaceOwn(tree::Replace(std::nullopt, P("/a/b"), Value::Int(1)),
                       P("/own"), Value::Int(2));
  LeaseTable table({{P("/r"), "s"},
                    {P("/r/a"), "s"},
                    {P("/r/a/b"), "s"},
                    {P("/r/a/b/c"), "s"},
                    {P("/r/z"), "s"}});
  Do(table, {Set("/r", "", WriteMode::kMerge, *value)});
  EXPECT_EQ(All(table), (Paths{"/r", "/r/a", "/r/z"}));
}

}  // namespace
}  // namespace restate
