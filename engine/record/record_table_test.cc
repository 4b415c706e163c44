#include "engine/record/record_table.h"

#include "gtest/gtest.h"

namespace restate {
namespace {

using Records = RecordTable::Records;

TEST(RecordTableTest, WhatIsStagedShowsWithItsBatch) {
  RecordTable table(Records{{"mount/a", "1"}, {"mount/b", "2"}, {"mounts", "3"}});
  const std::vector<RecordChange> changes = {
      {"mount/a", std::nullopt}, {"mount/c", "4"}, {"mount/c", "5"}};
  table.Stage(changes);
  EXPECT_EQ(table.WithPrefix("mount/"),
            (Records{{"mount/a", "1"}, {"mount/b", "2"}}));
  table.PublishStaged();
  EXPECT_FALSE(table.HasStaged());
  EXPECT_EQ(table.WithPrefix("mount/"),
            (Records{{"mount/b", "2"}, {"mount/c", "5"}}));
  EXPECT_EQ(table.Find("mount/a"), std::nullopt);
  EXPECT_EQ(table.Find("mounts"), "3");
}

TEST(RecordTableTest, ABatchThatNeverWasLeavesNothing) {
  RecordTable table(Records{{"a", "1"}});
  const std::vector<RecordChange> changes = {{"a", "2"}};
  table.Stage(changes);
  table.DropStaged();
  table.PublishStaged();
  EXPECT_EQ(table.Find("a"), "1");
  table.Stage(changes);
  table.Reload({{"b", "1"}});
  table.PublishStaged();
  EXPECT_EQ(table.WithPrefix(""), (Records{{"b", "1"}}));
}

}  // namespace
}  // namespace restate
