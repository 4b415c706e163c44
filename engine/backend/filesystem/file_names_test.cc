#include "engine/backend/filesystem/file_names.h"

#include <string>

#include "engine/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using Kind = FileNames::Meaning::Kind;
using testing::HasSubstr;

Path P(std::string_view text) { return *Path::Parse(text); }

TEST(FileNamesTest, MirrorsTheTree) {
  const FileNames names("json");
  EXPECT_EQ(names.FileOf(P("/theme")), "theme.json");
  EXPECT_EQ(names.FileOf(P("/colors/primary")), "colors/primary.json");
  EXPECT_EQ(names.DirectoryOf(P("/colors/primary")), "colors/primary");
  EXPECT_EQ(names.FileOf(Path()), "%2F.json");
  EXPECT_EQ(names.DirectoryOf(Path()), "");
}

TEST(FileNamesTest, EscapesWhatANameCannotHoldAndBack) {
  const FileNames names("json");
  struct Case {
    std::string segment;
    std::string name;
  };
  const Case cases[] = {
      {"a/b", "a%2Fb"},
      {"100%", "100%25"},
      {".hidden", "%2Ehidden"},
      {"...", "%2E.."},
      {"a.b", "a.b"},
      {"theme.json", "theme%2Ejson"},
      {".json", "%2Ejson"},
      {"theme.json.json", "theme.json%2Ejson"},
      {"theme.yaml", "theme.yaml"},
      {"a\nb\x7f", "a%0Ab%7F"},
      {" ", " "},
      {"\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9"},
      {"%2F", "%252F"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(names.Encode(c.segment), c.name);
    for (const auto& meaning :
         {names.OfDirectory(c.name), names.OfFile(c.name + ".json")}) {
      EXPECT_EQ(meaning.kind, Kind::kSegment) << c.name << meaning.problem;
      EXPECT_EQ(meaning.segment, c.segment);
    }
  }
}

TEST(FileNamesTest, TakesOneNameForEachSegment) {
  const FileNames names("json");
  EXPECT_EQ(names.OfFile("theme.yaml").kind, Kind::kNone);
  EXPECT_EQ(names.OfFile("README").kind, Kind::kNone);
  EXPECT_EQ(names.OfFile(".theme.json").kind, Kind::kNone);
  EXPECT_EQ(names.OfFile(".json").kind, Kind::kNone);
  EXPECT_EQ(names.OfDirectory("..data").kind, Kind::kNone);
  EXPECT_EQ(names.OfFile("theme.json~").kind, Kind::kNone);
  EXPECT_EQ(names.OfFile("%2F.json").kind, Kind::kRoot);
  for (const char* name : {"%61.json", "a%2fb.json", "a%.json", "a%2.json",
                           "theme.json.json", "*.json", "\xff.json",
                           "a\nb.json", "%00.json"}) {
    EXPECT_EQ(names.OfFile(name).kind, Kind::kMisspelled) << name;
  }
  EXPECT_EQ(names.OfDirectory("%2F").kind, Kind::kMisspelled);
  const auto meaning = names.OfDirectory("theme.json");
  EXPECT_EQ(meaning.kind, Kind::kMisspelled);
  EXPECT_THAT(meaning.problem, HasSubstr("theme%2Ejson"));
}

TEST(FileNamesTest, RefusesNamesThatAreTooLong) {
  const FileNames names("json");
  EXPECT_TRUE(names.CheckNames(P("/" + std::string(250, 'a'))).ok());
  const absl::Status file = names.CheckNames(P("/" + std::string(251, 'a')));
  EXPECT_EQ(file.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(file), "NOT_STORABLE");
  EXPECT_THAT(std::string(file.message()), HasSubstr("256 bytes"));
  // A directory needs no extension.
  EXPECT_TRUE(names.CheckNames(P("/" + std::string(255, 'a') + "/b")).ok());
  EXPECT_FALSE(names.CheckNames(P("/" + std::string(86, '%') + "/b")).ok());
  EXPECT_TRUE(names.CheckNames(Path()).ok());
}

}  // namespace
}  // namespace restate
