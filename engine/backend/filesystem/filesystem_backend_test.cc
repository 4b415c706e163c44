// What the directory looks like, and that everything in it reads back.
#include "engine/backend/filesystem/filesystem_backend.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
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

class FilesystemBackendTest : public testing::Test {
 protected:
  FilesystemBackendTest() { EXPECT_EQ(directory_.Open(), absl::OkStatus()); }

  void Set(std::string_view path, Tree value) {
    ASSERT_EQ(directory_.CanSet(path, value), absl::OkStatus());
    ASSERT_EQ(directory_.Set(path, std::move(value)), absl::OkStatus());
  }
  void ExpectSameAfterReopen() {
    const Tree before = directory_.Read();
    const Revision revision = directory_.backend().applied_revision();
    const BackendSize size = directory_.backend().Size();
    ASSERT_EQ(directory_.Open(), absl::OkStatus());
    const Tree after = directory_.Read();
    ASSERT_TRUE(SameTree(before, after))
        << (after.has_value() ? after->DebugString() : "absent");
    EXPECT_EQ(directory_.backend().applied_revision(), revision);
    EXPECT_FALSE(directory_.backend().edited_while_closed());
    EXPECT_EQ(directory_.backend().Size().own_values, size.own_values);
    EXPECT_EQ(directory_.backend().Size().bytes, size.bytes);
    EXPECT_THAT(directory_.backend().Health().problems, IsEmpty());
  }

  DirectoryFixture directory_;
};

TEST_F(FilesystemBackendTest, MirrorsTheTree) {
  Set("/config/theme", Value::String("dark"));
  Set("/config/colors", MapOf({{"primary", Value::String("#FF0000")},
                               {"secondary", Value::String("#00FF00")}}));
  EXPECT_THAT(directory_.Listing(),
              ElementsAre("config/", "config/colors/",
                          "config/colors/primary.json",
                          "config/colors/secondary.json", "config/theme.json"));
  EXPECT_EQ(directory_.Text("config/theme.json"), "\"dark\"\n");
  EXPECT_EQ(directory_.backend().Size().own_values, 3u);
  ExpectSameAfterReopen();

  Set("/config/colors", std::nullopt);
  EXPECT_THAT(directory_.Listing(),
              ElementsAre("config/", "config/theme.json"));
  Set("/config", std::nullopt);
  EXPECT_THAT(directory_.Listing(), IsEmpty());
  ExpectSameAfterReopen();
}

TEST_F(FilesystemBackendTest, KeepsOwnValuesBesideChildren) {
  Set("/counter", Value::Int(3));
  Set("/counter/squared", Value::Int(9));
  EXPECT_THAT(directory_.Listing(),
              ElementsAre("counter.json", "counter/", "counter/squared.json"));
  ASSERT_EQ(directory_.SetOwn("/", Value::Int(1)), absl::OkStatus());
  EXPECT_EQ(directory_.Text("%2F.json"), "1\n");
  ExpectSameAfterReopen();
  Set("/", Value::EmptyMap());
  EXPECT_THAT(directory_.Listing(), ElementsAre("%2F.json"));
  EXPECT_EQ(directory_.Text("%2F.json"), "{}\n");
  ExpectSameAfterReopen();
  Set("/a", Value::EmptyMap());
  EXPECT_THAT(directory_.Listing(), ElementsAre("a.json"));
  Set("/a/b", Value::Int(1));
  EXPECT_THAT(directory_.Listing(), ElementsAre("a/", "a/b.json"));
  Set("/a", Value::EmptyMap());
  EXPECT_THAT(directory_.Listing(), ElementsAre("a.json"));
  ExpectSameAfterReopen();
}

TEST_F(FilesystemBackendTest, TellsNamesApartThatMeetOnDisk) {
  Set("/theme", Value::Int(1));
  Set("/theme.json", Value::Int(2));
  Set("/theme.json/x", Value::Int(3));
  Set("/.hidden", Value::Int(4));
  Set("/a~1b", Value::Int(5));
  Set("/100%", Value::Int(6));
  EXPECT_THAT(directory_.Listing(),
              ElementsAre("%2Ehidden.json", "100%25.json", "a%2Fb.json",
                          "theme%2Ejson.json", "theme%2Ejson/",
                          "theme%2Ejson/x.json", "theme.json"));
  ExpectSameAfterReopen();
}

TEST_F(FilesystemBackendTest, KeepsTheDeepestAndTheLongestPaths) {
  Path deep;
  for (size_t i = 0; i < kMaxDepth; ++i) {
    deep = deep.Child(std::string(80, '%') + std::to_string(10 + i));
  }
  ASSERT_EQ(deep.CheckLimits(), absl::OkStatus());
  Set(deep.ToText(), Value::Int(1));
  ExpectSameAfterReopen();
  Set("/", std::nullopt);
  EXPECT_THAT(directory_.Listing(), IsEmpty());
}

TEST_F(FilesystemBackendTest, RefusesNamesThatDoNotFit) {
  const absl::Status status =
      directory_.CanSet("/a/" + std::string(255, 'x'), Value::Int(1));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(status), "NOT_STORABLE");
  EXPECT_THAT(std::string(status.message()), HasSubstr("/a/xxx"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("shorter key"));
}

TEST_F(FilesystemBackendTest, SnapshotsDoNotSeeLaterWrites) {
  Set("/a", Value::Int(1));
  auto snapshot = *directory_.backend().TakeSnapshot();
  Set("/a", Value::Int(2));
  EXPECT_EQ(snapshot->Read(P("/a"), ReadLimits())->tree, Tree(Value::Int(1)));
}

TEST_F(FilesystemBackendTest, BelongsToOneAtATime) {
  const auto second = FilesystemBackend::Open(directory_.options());
  EXPECT_EQ(ErrorReason(second.status()), "NOT_STORABLE");
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("used by another"));
}

TEST_F(FilesystemBackendTest, RefusesADirectoryOfAnotherFormat) {
  Set("/a", Value::Int(1));
  directory_.options().format = FileFormat::kYaml;
  const absl::Status status = directory_.Open();
  EXPECT_EQ(ErrorReason(status), "NOT_STORABLE");
  EXPECT_THAT(std::string(status.message()), HasSubstr("format json"));
}

TEST_F(FilesystemBackendTest, LeavesOtherFilesAlone) {
  Set("/a/b", Value::Int(1));
  directory_.Type("a/README.md", "hello");
  directory_.Type("a/.dot/x.json", "1");
  directory_.Type("notes.txt", "hello");
  Set("/", std::nullopt);
  EXPECT_THAT(directory_.Listing(),
              ElementsAre("a/", "a/README.md", "notes.txt"));
  EXPECT_EQ(directory_.Text("a/.dot/x.json"), "1");
  ExpectSameAfterReopen();
  EXPECT_EQ(directory_.Read(), std::nullopt);
}

TEST_F(FilesystemBackendTest, NoLinkLeadsOut) {
  directory_.Close();
  std::filesystem::create_directories(directory_.root() + "-other/d");
  directory_.Type("../state-other/secret.json", "1");
  directory_.Type("in.json", "2");
  directory_.Link("out.json", "../state-other/secret.json");
  directory_.Link("absolute.json", directory_.root() + "/in.json");
  directory_.Link("dir", "../state-other");
  directory_.Link("loop", ".");
  directory_.Link("fine.json", "in.json");
  ASSERT_EQ(directory_.Open(), absl::OkStatus());
  EXPECT_EQ(directory_.Read(),
            Tree(MapOf({{"fine", Value::Int(2)}, {"in", Value::Int(2)}})));
  const BackendHealth health = directory_.backend().Health();
  EXPECT_EQ(health.state, BackendHealth::State::kDegraded);
  EXPECT_THAT(health.problems,
              ElementsAre(HasSubstr("absolute.json"), HasSubstr("dir"),
                          HasSubstr("loop"), HasSubstr("out.json")));
  EXPECT_EQ(ErrorReason(directory_.CanSet("/fine", Value::Int(3))),
            "NOT_STORABLE");
  EXPECT_EQ(ErrorReason(directory_.CanSet("/", std::nullopt)), "NOT_STORABLE");
  EXPECT_EQ(directory_.CanSet("/in", Value::Int(3)), absl::OkStatus());
  EXPECT_EQ(directory_.CanSet("/fine", Value::Int(2)), absl::OkStatus());
  // In the way of a directory, it is not followed either.
  const absl::Status status = directory_.Set("/dir/x", Value::Int(1));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(directory_.Text("../state-other/x.json"), "(none)");
}

TEST_F(FilesystemBackendTest, IsReadOnlyIfConfigured) {
  Set("/a", Value::Int(1));
  directory_.options().read_only = true;
  ASSERT_EQ(directory_.Open(), absl::OkStatus());
  EXPECT_EQ(directory_.Read(), Tree(MapOf({{"a", Value::Int(1)}})));
  const absl::Status status = directory_.CanSet("/a", Value::Int(2));
  EXPECT_EQ(ErrorReason(status), "NOT_STORABLE");
  EXPECT_THAT(std::string(status.message()), HasSubstr("read-only"));
  directory_.Listen();
  directory_.TypeOver("a.json", "3");
  EXPECT_THAT(directory_.Edits(), ElementsAre("/a = 3"));
  EXPECT_EQ(directory_.Commit(), absl::OkStatus());
  EXPECT_EQ(directory_.Read("/a"), Tree(Value::Int(3)));
  EXPECT_EQ(directory_.Text("a.json"), "3");
}

class FormatTest : public testing::TestWithParam<FileFormat> {};

TEST_P(FormatTest, KeepsEveryKind) {
  DirectoryFixture directory;
  directory.options().format = GetParam();
  ASSERT_EQ(directory.Open(), absl::OkStatus());
  Value::Map all;
  const std::vector<Value> values = {
      Value::Null(),
      Value::Bool(false),
      Value::Int(std::numeric_limits<int64_t>::min()),
      Value::Int((int64_t{1} << 53) + 1),
      Value::Double(-0.0),
      Value::Double(1.0),
      Value::Double(std::nan("")),
      Value::Double(-std::numeric_limits<double>::infinity()),
      Value::String(""),
      Value::String("Zo\xc3\xab"),
      Value::Bytes(std::string("\0\xff\x80", 3)),
      Value::MakeList({Value::Null(), Value::EmptyMap(),
                       MapOf({{"$bytes", Value::Int(1)}})}),
      Value::EmptyMap(),
      MapOf({{"/", Value::Int(1)}, {"$double", Value::Double(2)}}),
  };
  for (size_t i = 0; i < values.size(); ++i) {
    all = all.Set(std::to_string(i), values[i]);
  }
  const Tree tree = Value::MakeMap(all);
  ASSERT_EQ(directory.Set("/", tree), absl::OkStatus());
  ASSERT_EQ(directory.Open(), absl::OkStatus());
  ASSERT_TRUE(SameTree(directory.Read(), tree))
      << directory.Read()->DebugString();
}

INSTANTIATE_TEST_SUITE_P(Formats, FormatTest,
                         testing::Values(FileFormat::kJson, FileFormat::kYaml,
                                         FileFormat::kTextproto));

}  // namespace
}  // namespace restate
