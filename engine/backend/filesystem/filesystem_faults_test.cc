// Operations that fail in the middle of a batch: nothing of it shows, the error
// says what to do, and the same batch works once that is done.
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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

// What was seen: such a write was taken, and nothing else after it.
TEST(FilesystemFaultsTest, RefusesWritesWhereSomethingForeignIsInTheWay) {
  DirectoryFixture directory;
  ASSERT_EQ(directory.Open(), absl::OkStatus());
  ASSERT_EQ(directory.Set("/d/x", Value::Int(1)), absl::OkStatus());
  directory.Listen();
  directory.Type("README", "hello");
  directory.Type("d/README", "hello");
  directory.MakeDirectory("dir.json");
  ASSERT_EQ(mkfifo((directory.root() + "/pipe").c_str(), 0600), 0);
  ASSERT_EQ(mkfifo((directory.root() + "/pipe2.json").c_str(), 0600), 0);
  directory.Link("out", "/");
  directory.Link("out2.json", "/etc/hostname");
  directory.Link("gone", "nowhere");
  EXPECT_THAT(directory.Edits(), IsEmpty());
  const struct {
    const char* path;
    const char* in_the_way;
  } cases[] = {
      {"/README/x", "\"README\""},     {"/README/x/y", "\"README\""},
      {"/d/README/x", "\"d/README\""}, {"/dir", "\"dir.json\""},
      {"/pipe/x", "\"pipe\""},         {"/pipe2", "\"pipe2.json\""},
      {"/out/x", "\"out\""},           {"/out2", "\"out2.json\""},
      {"/gone/x", "\"gone\""},
  };
  for (const auto& c : cases) {
    const absl::Status status = directory.CanSet(c.path, Value::Int(1));
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << c.path;
    EXPECT_EQ(ErrorReason(status), "NOT_STORABLE") << c.path;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.in_the_way));
  }
  for (const char* path :
       {"/README", "/pipe", "/out", "/other", "/d/y", "/dir/x", "/gone"}) {
    EXPECT_EQ(directory.CanSet(path, Value::Int(1)), absl::OkStatus()) << path;
  }
  // What is not there can be deleted.
  EXPECT_EQ(directory.CanSet("/README/x", std::nullopt), absl::OkStatus());
  for (const char* name : {"README", "dir.json", "pipe", "out"}) {
    directory.Delete(name);
  }
  EXPECT_THAT(directory.Edits(), IsEmpty());
  for (const char* path : {"/README/x", "/dir", "/pipe/x", "/out/x"}) {
    EXPECT_EQ(directory.CanSet(path, Value::Int(1)), absl::OkStatus()) << path;
    EXPECT_EQ(directory.Set(path, Value::Int(1)), absl::OkStatus()) << path;
  }
}

// What was decided before anybody could know: one path waits, and nothing else.
TEST(FilesystemFaultsTest, LeavesWhatIsObstructedAndAppliesTheRest) {
  DirectoryFixture directory;
  ASSERT_EQ(directory.Open(), absl::OkStatus());
  directory.Listen();
  ASSERT_EQ(directory.Set("/a", Value::Int(1)), absl::OkStatus());
  std::vector<Write> writes(3);
  writes[0].path = P("/a");
  writes[1].path = P("/README");
  writes[1].value = MapOf({{"x", Value::Int(2)}, {"y", Value::Int(2)}});
  writes[1].revision = 7;
  writes[2].path = P("/z");
  writes[0].value = writes[2].value = Value::Int(2);
  writes[2].revision = 8;
  directory.Type("README", "hello");
  std::vector<LeftWrite> left;
  ASSERT_EQ(directory.backend().ApplyPossible(writes, 8, &left),
            absl::OkStatus());
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].write.path, P("/README/x"));
  EXPECT_EQ(left[0].write.scope, Write::Scope::kOwnValue);
  EXPECT_EQ(left[0].write.value, Tree(Value::Int(2)));
  EXPECT_EQ(left[0].write.revision, 7);
  EXPECT_THAT(std::string(left[0].why.message()), HasSubstr("README"));
  EXPECT_EQ(left[1].write.path, P("/README/y"));
  EXPECT_EQ(directory.Read(),
            Tree(MapOf({{"a", Value::Int(2)}, {"z", Value::Int(2)}})));
  EXPECT_EQ(directory.backend().applied_revision(), 8);
  EXPECT_EQ(directory.Text("README"), "hello");
  EXPECT_EQ(ErrorReason(directory.CanSet("/README/x", Value::Int(3))),
            "NOT_STORABLE");
  // Edits go on, and what is left is none.
  directory.Type("hand.json", "7");
  EXPECT_THAT(directory.Edits(), ElementsAre("/hand = 7"));
  ASSERT_EQ(directory.Commit(), absl::OkStatus());

  std::vector<Write> again = {left[0].write, left[1].write};
  left.clear();
  ASSERT_EQ(directory.backend().ApplyPossible(again, 9, &left),
            absl::OkStatus());
  EXPECT_EQ(left.size(), 2u);
  directory.Delete("README");
  left.clear();
  ASSERT_EQ(directory.backend().ApplyPossible(again, 9, &left),
            absl::OkStatus());
  EXPECT_EQ(left.size(), 0u);
  EXPECT_EQ(directory.Text("README/x.json"), "2\n");
  EXPECT_EQ(directory.Read("/README"),
            Tree(MapOf({{"x", Value::Int(2)}, {"y", Value::Int(2)}})));
  EXPECT_THAT(directory.Edits(), IsEmpty());
  EXPECT_EQ(directory.CanSet("/README/x", Value::Int(3)), absl::OkStatus());
}

TEST(FilesystemFaultsTest, LeavesDeletionsAndWritesOfOneFileTogether) {
  DirectoryFixture directory;
  ASSERT_EQ(directory.Open(), absl::OkStatus());
  directory.Type("c.json", "{\"a\": 1, \"b\": 1}");
  directory.Listen();
  directory.Edits();
  ASSERT_EQ(directory.Commit(), absl::OkStatus());
  // A link to elsewhere takes its place before the server looks.
  directory.Delete("c.json");
  directory.Link("c.json", "/etc/hostname");
  std::vector<Write> writes(2);
  writes[0].path = P("/c/a");
  writes[1].path = P("/c/b");
  writes[1].value = Value::Int(2);
  std::vector<LeftWrite> left;
  ASSERT_EQ(directory.backend().ApplyPossible(writes, 9, &left),
            absl::OkStatus());
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].write.path, P("/c/a"));
  EXPECT_EQ(left[0].write.value, std::nullopt);
  EXPECT_EQ(left[1].write.value, Tree(Value::Int(2)));
  EXPECT_EQ(directory.Read("/c"),
            Tree(MapOf({{"a", Value::Int(1)}, {"b", Value::Int(1)}})));
}

// FIFOs do not block, devices are not opened, and a file without end is not read.
TEST(FilesystemFaultsTest, ReadsOrdinaryFilesOnly) {
  DirectoryFixture directory;
  ASSERT_EQ(directory.Open(), absl::OkStatus());
  directory.Listen();
  ASSERT_EQ(mkfifo((directory.root() + "/fifo.json").c_str(), 0600), 0);
  directory.Link("zero.json", "/dev/zero");
  directory.Type("sparse.json", "");
  std::filesystem::resize_file(directory.root() + "/sparse.json",
                               uint64_t{1} << 40);
  directory.Type("nul.json", std::string(1 << 20, '\0'));
  directory.Type("good.json", "1");
  EXPECT_THAT(directory.Edits(), ElementsAre("/good = 1"));
  const BackendHealth health = directory.backend().Health();
  EXPECT_EQ(health.state, BackendHealth::State::kDegraded);
  std::string problems;
  for (const std::string& problem : health.problems) problems += problem + "\n";
  for (const char* name : {"fifo.json", "zero.json", "sparse.json", "nul.json"}) {
    EXPECT_THAT(problems, HasSubstr(name));
  }
  // Nor a record without end.
  directory.Close();
  std::filesystem::resize_file(directory.root() + "/.restate",
                               uint64_t{1} << 40);
  EXPECT_FALSE(directory.Open().ok());
  directory.Delete(".restate");
  ASSERT_EQ(mkfifo((directory.root() + "/.restate").c_str(), 0600), 0);
  EXPECT_FALSE(directory.Open().ok());
}

TEST(FilesystemFaultsTest, RefusesWhatWouldMakeAFileTooLargeToBeReadAgain) {
  DirectoryFixture directory;
  directory.options().max_file_bytes = 4000;
  ASSERT_EQ(directory.Open(), absl::OkStatus());
  directory.Type("c.json", "{\"a\": 1}");
  directory.Listen();
  directory.Edits();
  ASSERT_EQ(directory.Commit(), absl::OkStatus());
  EXPECT_EQ(directory.CanSet("/c/b", Value::String(std::string(1000, 'x'))),
            absl::OkStatus());
  EXPECT_EQ(ErrorReason(directory.CanSet(
                "/c/b", Value::String(std::string(4000, 'x')))),
            "NOT_STORABLE");
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
