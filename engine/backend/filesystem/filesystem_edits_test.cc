// People with editors: what they change becomes writes, what they typed is not
// lost, and what they typed wrong is named.
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/filesystem/directory_fixture.h"
#include "engine/error/error.h"
#include "engine/sync/mutex.h"
#include "engine/threads/testing/shared_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using State = BackendHealth::State;

class FilesystemEditsTest : public testing::Test {
 protected:
  FilesystemEditsTest() {
    EXPECT_EQ(directory_.Open(), absl::OkStatus());
    directory_.Listen();
  }
  void Set(std::string_view path, Tree value) {
    ASSERT_EQ(directory_.CanSet(path, value), absl::OkStatus());
    ASSERT_EQ(directory_.Set(path, std::move(value)), absl::OkStatus());
  }
  std::vector<std::string> Problems() {
    return directory_.backend().Health().problems;
  }
  void ExpectUp() {
    EXPECT_EQ(directory_.backend().Health().state, State::kUp);
    EXPECT_THAT(Problems(), IsEmpty());
  }

  DirectoryFixture directory_;
};

TEST_F(FilesystemEditsTest, AddedChangedAndDeletedFilesAreWrites) {
  Set("/a", Value::Int(1));
  Set("/b/c", Value::Int(2));
  EXPECT_THAT(directory_.Edits(), IsEmpty());
  directory_.Type("a.json", "10");
  directory_.Delete("b/c.json");
  directory_.TypeOver("new.json", "[1, 2]");
  EXPECT_THAT(directory_.Edits(),
              ElementsAre("/b/c gone", "/a = 10", "/new = [1, 2]"));
  // Nothing shows before the commit, and nothing is told twice.
  EXPECT_EQ(directory_.Read("/a"), Tree(Value::Int(1)));
  std::vector<Write> none;
  ASSERT_EQ(directory_.Commit(), absl::OkStatus());
  EXPECT_EQ(directory_.Read("/a"), Tree(Value::Int(10)));
  EXPECT_EQ(directory_.Read("/b"), std::nullopt);
  EXPECT_THAT(directory_.Edits(), IsEmpty());
  // Formatting stays.
  EXPECT_EQ(directory_.Text("new.json"), "[1, 2]");
  ASSERT_EQ(directory_.Open(), absl::OkStatus());
  EXPECT_FALSE(directory_.backend().edited_while_closed());
}

TEST_F(FilesystemEditsTest, IsToldAgainIfTheListenerCouldNot) {
  Set("/a", Value::Int(1));
  directory_.answer = MakeError(Reason::kMountUnavailable, "not now");
  directory_.Type("a.json", "2");
  EXPECT_THAT(directory_.Edits(), ElementsAre("/a = 2"));
  EXPECT_THAT(directory_.Edits(), ElementsAre("/a = 2"));
  directory_.answer = absl::OkStatus();
  EXPECT_THAT(directory_.Edits(), ElementsAre("/a = 2"));
  EXPECT_THAT(directory_.Edits(), IsEmpty());
}

TEST_F(FilesystemEditsTest, ObjectFilesAreSubtrees) {
  directory_.Type("config.json", "{\"theme\": \"dark\", \"n\": {\"x\": 1}}");
  EXPECT_THAT(directory_.Edits(),
              ElementsAre("/config/n/x = 1", "/config/theme = \"dark\""));
  ASSERT_EQ(directory_.Commit(), absl::OkStatus());
  EXPECT_EQ(directory_.Text("config.json"),
            "{\"theme\": \"dark\", \"n\": {\"x\": 1}}");
  // A write below it rewrites it.
  Set("/config/n/y", Value::Int(2));
  EXPECT_EQ(directory_.Text("config.json"),
            "{\n  \"n\": {\n    \"x\": 1,\n    \"y\": 2\n  },\n"
            "  \"theme\": \"dark\"\n}\n");
  Set("/config/n", std::nullopt);
  EXPECT_EQ(directory_.Text("config.json"), "{\n  \"theme\": \"dark\"\n}\n");
  EXPECT_THAT(directory_.Edits(), IsEmpty());
  directory_.Type("config.json", "{\"theme\": \"light\"}");
  EXPECT_THAT(directory_.Edits(), ElementsAre("/config/theme = \"light\""));
  ASSERT_EQ(directory_.Commit(), absl::OkStatus());
  Set("/config/theme", std::nullopt);
  EXPECT_THAT(directory_.Listing(), IsEmpty());
  // The whole tree can be one file.
  directory_.Type("%2F.json", "{\"a\": 1}");
  EXPECT_THAT(directory_.Edits(), ElementsAre("/a = 1"));
}

TEST_F(FilesystemEditsTest, ADirectoryWinsOverAnObject) {
  directory_.Type("p.json", "{\"x\": 1, \"y\": 2}");
  directory_.Type("p/x.json", "3");
  EXPECT_THAT(directory_.Edits(), ElementsAre("/p/x = 3", "/p/y = 2"));
  ASSERT_EQ(directory_.Commit(), absl::OkStatus());
  EXPECT_EQ(directory_.backend().Health().state, State::kDegraded);
  EXPECT_THAT(Problems(), ElementsAre("/p/x is in p.json and in p/x.json: the "
                                      "second counts; remove one of them"));
  // Deleted is deleted in both.
  Set("/p/x", std::nullopt);
  EXPECT_THAT(directory_.Edits(), IsEmpty());
  EXPECT_EQ(directory_.Read("/p"), Tree(MapOf({{"y", Value::Int(2)}})));
  ExpectUp();
}

TEST_F(FilesystemEditsTest, AFileThatDoesNotParseKeepsItsOldValue) {
  Set("/a", Value::Int(1));
  directory_.Type("a.json", "{\n  \"x\": 1,\n  oops\n}");
  EXPECT_THAT(directory_.Edits(), IsEmpty());
  EXPECT_EQ(directory_.Read("/a"), Tree(Value::Int(1)));
  EXPECT_EQ(directory_.backend().Health().state, State::kDegraded);
  EXPECT_THAT(Problems(), ElementsAre(AllOf(HasSubstr("\"a.json\": line 3"),
                                            HasSubstr("value before"))));
  const absl::Status refused = directory_.CanSet("/a", Value::Int(2));
  EXPECT_EQ(ErrorReason(refused), "NOT_STORABLE");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("a.json"));
  // Writes elsewhere go on, and it is left alone, also by a restart.
  Set("/b", Value::Int(2));
  ASSERT_EQ(directory_.Open(), absl::OkStatus());
  EXPECT_FALSE(directory_.backend().edited_while_closed());
  directory_.Listen();
  EXPECT_EQ(directory_.Read("/a"), Tree(Value::Int(1)));
  EXPECT_THAT(directory_.Text("a.json"), HasSubstr("oops"));
  directory_.Type("a.json", "5");
  EXPECT_THAT(directory_.Edits(), ElementsAre("/a = 5"));
  ExpectUp();
}

TEST_F(FilesystemEditsTest, ADecidedWriteKeepsWhatWasTypedAside) {
  Set("/a", Value::Int(1));
  directory_.Type("a.json", "oops");
  // The write was decided before anybody looked.
  ASSERT_EQ(directory_.Set("/a", Value::Int(2)), absl::OkStatus());
  EXPECT_EQ(directory_.Text("a.json"), "2\n");
  EXPECT_EQ(directory_.Text(".restate-kept-2-1.json"), "oops");
  EXPECT_THAT(directory_.Edits(), IsEmpty());
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr(".restate-kept-2-1.json")));
  directory_.Delete(".restate-kept-2-1.json");
  EXPECT_THAT(directory_.Edits(), IsEmpty());
  ExpectUp();
}

TEST_F(FilesystemEditsTest, NamesWhatItLeavesOut) {
  directory_.Type("ok.json", "1");
  directory_.Type("bad%name.json", "1");
  directory_.Type("keys.json", "{\"*\": 1}");
  directory_.Type("twice.json", "{\"a\": 1, \"a\": 2}");
  directory_.Type("latin.json", "\"\xe9\"");
  directory_.Type("deep.json", std::string(40, '[') + std::string(40, ']'));
  directory_.Type("big.json", "\"" + std::string(2 << 20, 'x') + "\"");
  EXPECT_THAT(directory_.Edits(), ElementsAre("/ok = 1"));
  EXPECT_THAT(Problems(),
              ElementsAre(HasSubstr("\"big.json\": the leaf at /big is over"),
                          HasSubstr("\"deep.json\": "),
                          HasSubstr("\"keys.json\": a key of the map"),
                          HasSubstr("\"latin.json\": it is not valid UTF-8"),
                          HasSubstr("\"twice.json\": line 1: the key \"a\""),
                          HasSubstr("\"bad%name.json\": ")));
}

TEST_F(FilesystemEditsTest, AnEditThatNobodyHasSeenYetIsMerged) {
  Set("/p", Value::Int(0));
  directory_.Type("o.json", "{\"x\": 1, \"y\": 1}");
  EXPECT_EQ(directory_.Edits().size(), 2u);
  ASSERT_EQ(directory_.Commit(), absl::OkStatus());
  // Between a look and a write, somebody edits both leaves and adds a third.
  directory_.TypeOver("o.json", "{\"x\": 5, \"y\": 6, \"z\": 7}");
  Set("/o/x", Value::Int(9));
  EXPECT_EQ(directory_.Read("/o"),
            Tree(MapOf({{"x", Value::Int(9)}, {"y", Value::Int(1)}})));
  EXPECT_THAT(directory_.Edits(), ElementsAre("/o/y = 6", "/o/z = 7"));
  ASSERT_EQ(directory_.Commit(), absl::OkStatus());
  EXPECT_EQ(directory_.Read("/o"), Tree(MapOf({{"x", Value::Int(9)},
                                               {"y", Value::Int(6)},
                                               {"z", Value::Int(7)}})));
  // In the same size and moment.
  directory_.Type("p.json", "7\n");
  Set("/q", Value::Int(1));
  EXPECT_THAT(directory_.Edits(), ElementsAre("/p = 7"));
}

TEST_F(FilesystemEditsTest, WritesThatSayWhatTheFileSaysLeaveIt) {
  directory_.Type("a.json", "  3 ");
  EXPECT_THAT(directory_.Edits(), ElementsAre("/a = 3"));
  ASSERT_EQ(directory_.Commit(), absl::OkStatus());
  Set("/", MapOf({{"a", Value::Int(3)}, {"b", Value::Int(1)}}));
  EXPECT_EQ(directory_.Text("a.json"), "  3 ");
}

TEST_F(FilesystemEditsTest, ConfigMapVolumesSwapALink) {
  directory_.Type("..one/theme.json", "\"dark\"");
  directory_.Type("..one/size.json", "1");
  directory_.Type("..two/theme.json", "\"light\"");
  directory_.Link("..data", "..one");
  directory_.Link("theme.json", "..data/theme.json");
  directory_.Link("size.json", "..data/size.json");
  EXPECT_THAT(directory_.Edits(),
              ElementsAre("/size = 1", "/theme = \"dark\""));
  ASSERT_EQ(directory_.Commit(), absl::OkStatus());
  EXPECT_EQ(ErrorReason(directory_.CanSet("/theme", Value::Int(1))),
            "NOT_STORABLE");
  // As the kubelet does it: a new link, renamed over.
  directory_.Link("..data_tmp", "..two");
  std::filesystem::rename(directory_.root() + "/..data_tmp",
                          directory_.root() + "/..data");
  directory_.Delete("size.json");
  EXPECT_THAT(directory_.Edits(),
              ElementsAre("/size gone", "/theme = \"light\""));
  ASSERT_EQ(directory_.Commit(), absl::OkStatus());
  EXPECT_EQ(directory_.Read(),
            Tree(MapOf({{"theme", Value::String("light")}})));
  ExpectUp();
}

TEST_F(FilesystemEditsTest, KnowsOfEditsMadeWhileClosed) {
  Set("/a", Value::Int(1));
  Set("/b", Value::Int(1));
  const auto edited = [&] {
    EXPECT_EQ(directory_.Open(), absl::OkStatus());
    return directory_.backend().edited_while_closed();
  };
  EXPECT_FALSE(edited());
  directory_.Close();
  directory_.Type("a.json", "2");
  EXPECT_TRUE(edited());
  // Until something has been applied.
  EXPECT_TRUE(edited());
  EXPECT_EQ(directory_.Read("/a"), Tree(Value::Int(2)));
  Set("/c", Value::Int(1));
  EXPECT_FALSE(edited());
  directory_.Close();
  directory_.Delete("b.json");
  EXPECT_TRUE(edited());
  Set("/c", Value::Int(2));
  EXPECT_FALSE(edited());
  directory_.Close();
  directory_.Type("d/e.json", "2");
  EXPECT_TRUE(edited());
}

TEST_F(FilesystemEditsTest, AMovedDirectoryIsDownUntilItIsBack) {
  Set("/a", Value::Int(1));
  const std::string away = directory_.root() + "-away";
  std::filesystem::rename(directory_.root(), away);
  EXPECT_EQ(directory_.backend().Rescan().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(directory_.backend().Health().state, State::kDown);
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("moved or deleted")));
  EXPECT_EQ(directory_.backend().TakeSnapshot().status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(directory_.Set("/a", Value::Int(2)).code(),
            absl::StatusCode::kUnavailable);
  // Another directory in its place is not it.
  std::filesystem::create_directory(directory_.root());
  EXPECT_EQ(directory_.backend().Rescan().code(),
            absl::StatusCode::kUnavailable);
  std::filesystem::remove(directory_.root());
  // A copy is.
  std::filesystem::copy(away, directory_.root(),
                        std::filesystem::copy_options::recursive);
  directory_.Type("a.json", "3");
  EXPECT_THAT(directory_.Edits(), ElementsAre("/a = 3"));
  ExpectUp();
  EXPECT_EQ(directory_.Read("/a"), Tree(Value::Int(1)));
  ASSERT_EQ(directory_.Commit(), absl::OkStatus());
  EXPECT_EQ(directory_.Read("/a"), Tree(Value::Int(3)));
}

TEST_F(FilesystemEditsTest, IsToldWithoutAsking) {
  directory_.options().jobs = SharedPool();
  directory_.options().quiet = absl::Milliseconds(1);
  ASSERT_EQ(directory_.Open(), absl::OkStatus());
  Mutex mutex;
  CondVar heard;
  std::vector<std::string> paths;
  directory_.backend().WatchEdits([&](std::vector<Write> edits) {
    MutexLock lock(&mutex);
    for (const Write& edit : edits) paths.push_back(edit.path.ToText());
    heard.NotifyAll();
    return absl::OkStatus();
  });
  const auto wait_for = [&](std::string_view path) {
    MutexLock lock(&mutex);
    while (paths.empty() || paths.back() != path) heard.Wait(&mutex);
  };
  directory_.Type("a.json", "1");
  wait_for("/a");
  directory_.Type("new/deep/b.json", "1");
  wait_for("/new/deep/b");
  directory_.TypeOver("new/deep/c.json", "1");
  wait_for("/new/deep/c");
  directory_.Type("..one/d.json", "1");
  directory_.Link("d.json", "..one/d.json");
  wait_for("/d");
  directory_.backend().WatchEdits(nullptr);
}

}  // namespace
}  // namespace restate
