// Operations that fail in the middle of a batch: nothing of it shows, the error
// says what to do, and the same batch works once that is done.
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "engine/backend/filesystem/directory_fixture.h"
#include "engine/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(FilesystemFaultsTest, SaysWhatIsInTheWayAndGoesOnWithoutIt) {
  DirectoryFixture directory;
  ASSERT_EQ(directory.Open(), absl::OkStatus());
  directory.Listen();
  const auto batch = [](Value value) {
    std::vector<Write> writes(3);
    writes[0].path = P("/before");
    writes[1].path = P("/colors/primary");
    writes[2].path = P("/z");
    for (Write& write : writes) write.value = value;
    return writes;
  };
  ASSERT_EQ(directory.Apply(batch(Value::Int(1))), absl::OkStatus());

  std::filesystem::remove_all(directory.root() + "/colors");
  directory.Type("colors", "a file, not a directory");
  absl::Status status = directory.Apply(batch(Value::Int(2)));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorReason(status), "MOUNT_UNAVAILABLE");
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("/colors/primary.json"), HasSubstr("move it")));
  EXPECT_EQ(directory.Read("/before"), Tree(Value::Int(1)));
  EXPECT_EQ(directory.backend().applied_revision(), 1);
  // Some of it is in the files, and nobody takes that for an edit.
  EXPECT_EQ(directory.Text("before.json"), "2\n");
  EXPECT_THAT(directory.Edits(), IsEmpty());

  directory.Delete("colors");
  ASSERT_EQ(directory.Apply(batch(Value::Int(2))), absl::OkStatus());
  EXPECT_EQ(directory.Read("/before"), Tree(Value::Int(2)));
  EXPECT_EQ(directory.Text("colors/primary.json"), "2\n");
  EXPECT_THAT(directory.Edits(), IsEmpty());
  EXPECT_EQ(directory.HiddenFiles(), std::vector<std::string>{".restate"});

  directory.MakeDirectory("new.json");
  status = directory.Set("/new", Value::Int(1));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("new.json"));
  directory.Delete("new.json");
  EXPECT_EQ(directory.Set("/new", Value::Int(1)), absl::OkStatus());
}

TEST(FilesystemFaultsTest, AnEditDuringAHalfAppliedBatchComesAfterIt) {
  DirectoryFixture directory;
  ASSERT_EQ(directory.Open(), absl::OkStatus());
  directory.Listen();
  ASSERT_EQ(directory.Set("/a", Value::Int(1)), absl::OkStatus());
  directory.MakeDirectory("b.json");
  const Tree both = MapOf({{"a", Value::Int(2)}, {"b", Value::Int(2)}});
  EXPECT_FALSE(directory.Set("/", both).ok());
  directory.Type("c.json", "3");
  EXPECT_THAT(directory.Edits(), IsEmpty());
  directory.Delete("b.json");
  ASSERT_EQ(directory.Set("/", both), absl::OkStatus());
  EXPECT_EQ(directory.Read(), both);
  EXPECT_THAT(directory.Edits(), ElementsAre("/c = 3"));
}

TEST(FilesystemFaultsTest, AppliesABatchAgainAndAgain) {
  DirectoryFixture directory;
  ASSERT_EQ(directory.Open(), absl::OkStatus());
  Write first{P("/a"), Write::Scope::kSubtree,
              MapOf({{"x", Value::Int(1)}, {"y", Value::Int(1)}}), 0, {}};
  Write second{P("/a"), Write::Scope::kSubtree, Value::EmptyMap(), 0, {}};
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(directory.backend().Apply({first}, 5), absl::OkStatus());
    ASSERT_EQ(directory.backend().Apply({first, second}, 6), absl::OkStatus());
    EXPECT_EQ(directory.Read("/a"), Tree(Value::EmptyMap()));
    EXPECT_THAT(directory.Listing(), ElementsAre("a.json"));
    ASSERT_EQ(directory.Open(), absl::OkStatus());
    EXPECT_EQ(directory.backend().applied_revision(), 6);
  }
}

TEST(FilesystemFaultsTest, ALostRecordIsAnEditOfEverything) {
  DirectoryFixture directory;
  ASSERT_EQ(directory.Open(), absl::OkStatus());
  ASSERT_EQ(directory.Set("/a", Value::Int(1)), absl::OkStatus());
  directory.Close();
  directory.Delete(".restate");
  ASSERT_EQ(directory.Open(), absl::OkStatus());
  EXPECT_TRUE(directory.backend().edited_while_closed());
  EXPECT_EQ(directory.backend().applied_revision(), 0);
  EXPECT_EQ(directory.Read("/a"), Tree(Value::Int(1)));
}

}  // namespace
}  // namespace restate
