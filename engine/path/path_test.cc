#include "engine/path/path.h"

#include <string>
#include <vector>

#include "engine/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Path P(std::string_view text) { return Path::Parse(text).value(); }

std::vector<std::string> List(const Path& path) {
  std::vector<std::string> segments;
  for (std::string_view segment : path.segments()) {
    segments.emplace_back(segment);
  }
  return segments;
}

void ExpectInvalidPath(const absl::Status& status, std::string_view names,
                       std::string_view rule) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(ErrorReason(status), "INVALID_PATH");
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(names)));
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(rule)));
}

TEST(PathTest, RootHasManySpellings) {
  for (std::string_view text : {"", "/", "//", "///"}) {
    const Path path = P(text);
    EXPECT_TRUE(path.is_root()) << text;
    EXPECT_EQ(path, Path());
    EXPECT_EQ(path.ToText(), "/");
    EXPECT_EQ(path.key(), "");
    EXPECT_EQ(path.depth(), 0u);
    EXPECT_EQ(path.name(), "");
    EXPECT_EQ(path.SubtreeEnd(), "");
  }
}

TEST(PathTest, SlashesCollapse) {
  for (std::string_view text :
       {"/users/1", "users/1", "//users///1", "/users/1/", "users/1//"}) {
    EXPECT_EQ(P(text).ToText(), "/users/1") << text;
    EXPECT_THAT(List(P(text)), ElementsAre("users", "1"));
  }
}

TEST(PathTest, KeyEndsEachSegmentWithNul) {
  EXPECT_EQ(P("/users/1").key(), std::string("users\0"
                                             "1\0",
                                             8));
}

TEST(PathTest, EscapesSlashAndTilde) {
  const Path path = P("/a~1b/~0~1~0/~01");
  EXPECT_THAT(List(path), ElementsAre("a/b", "~/~", "~1"));
  EXPECT_EQ(path.ToText(), "/a~1b/~0~1~0/~01");
  EXPECT_EQ(P(path.ToText()), path);
}

TEST(PathTest, TildeMustBeFollowedByZeroOrOne) {
  for (std::string_view text : {"/ok/a~2/b", "/ok/a~2", "a~2/ok"}) {
    ExpectInvalidPath(Path::Parse(text).status(), "\"a~2\"", "\"~\" must be");
  }
  ExpectInvalidPath(Path::Parse("/a~").status(), "\"a~\"", "\"~\" must be");
  ExpectInvalidPath(Path::Parse("~/0").status(), "\"~\"", "\"~\" must be");
  ExpectInvalidPath(Path::Parse("~~0").status(), "\"~~0\"", "\"~\" must be");
}

TEST(PathTest, RefusesReservedSegmentsAlone) {
  ExpectInvalidPath(Path::Parse("/a/./b").status(), "\".\"", "not allowed");
  ExpectInvalidPath(Path::Parse("/a/..").status(), "\"..\"", "not allowed");
  ExpectInvalidPath(Path::Parse("/a/~1").status(), "\"/\"", "own value");
  ExpectInvalidPath(Path::Parse("/users/*/name").status(), "\"*\"",
                    "name the parent");
  for (std::string_view text : {"/...", "/.a", "/a.", "/**", "/a*", "/*a",
                                "/~1~1", "/a~1", "/ ", "/~0"}) {
    EXPECT_EQ(P(text).ToText(), text);
    EXPECT_EQ(P(text).depth(), 1u);
  }
}

TEST(PathTest, RefusesBadBytes) {
  ExpectInvalidPath(Path::Parse(std::string_view("/a\0b", 4)).status(),
                    "\"a\\000b\"", "NUL");
  ExpectInvalidPath(Path::Parse("/a/\xFF").status(), "\"\\xff\"",
                    "valid UTF-8");
  ExpectInvalidPath(Path::Parse("/\xED\xA0\x80").status(),
                    "\"\\xed\\xa0\\x80\"", "valid UTF-8");
  EXPECT_EQ(P("/grüße/日本/😀").ToText(), "/grüße/日本/😀");
}

TEST(PathTest, LimitsSegmentBytes) {
  EXPECT_EQ(P(std::string(255, 'a')).depth(), 1u);
  ExpectInvalidPath(Path::Parse(std::string(256, 'a')).status(), "\"aaa",
                    "256 bytes");
  // Counted after unescaping.
  std::string escaped;
  for (int i = 0; i < 255; ++i) escaped += "~0";
  EXPECT_EQ(P(escaped).key().size(), 256u);
}

TEST(PathTest, LimitsDepth) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "/d";
  EXPECT_EQ(P(text).depth(), 30u);
  ExpectInvalidPath(Path::Parse(text + "/last").status(), "\"last\"",
                    "more than 30 segments");
  EXPECT_EQ(P(text + "///").depth(), 30u);
}

TEST(PathTest, LimitsBytes) {
  std::string text;
  for (int i = 0; i < 16; ++i) text += "/" + std::string(255, 'a');
  EXPECT_EQ(P(text).key().size(), 4096u);
  ExpectInvalidPath(Path::Parse(text + "/b").status(), "4098 bytes",
                    "at most 4096");
}

TEST(PathTest, FromSegmentsTakesThemAsTheyAre) {
  const Path path = Path::FromSegments({"a/b", "~", "1"}).value();
  EXPECT_EQ(path.ToText(), "/a~1b/~0/1");
  EXPECT_EQ(Path::FromSegments({}).value(), Path());
  ExpectInvalidPath(Path::FromSegments({"a", ""}).status(), "\"\"",
                    "at least one byte");
  ExpectInvalidPath(Path::FromSegments({"a", "*"}).status(), "\"*\"",
                    "name the parent");
  ExpectInvalidPath(Path::FromSegments({std::string(256, 'a')}).status(),
                    "\"aaa", "256 bytes");
  ExpectInvalidPath(
      Path::FromSegments(std::vector<std::string>(31, "a")).status(),
      "31 segments", "at most 30");
  ExpectInvalidPath(
      Path::FromSegments(std::vector<std::string>(17, std::string(255, 'a')))
          .status(),
      "4352 bytes", "at most 4096");
}

TEST(PathTest, Relatives) {
  const Path path = P("/users/1/name");
  EXPECT_EQ(path.name(), "name");
  EXPECT_EQ(path.parent(), P("/users/1"));
  EXPECT_EQ(P("/users").parent(), Path());
  EXPECT_EQ(P("/users").name(), "users");
  EXPECT_EQ(path.Ancestor(0), Path());
  EXPECT_EQ(path.Ancestor(1), P("/users"));
  EXPECT_EQ(path.Ancestor(3), path);
  EXPECT_EQ(path.Child("x/y"), P("/users/1/name/x~1y"));
  EXPECT_EQ(Path().Child("a"), P("/a"));
  EXPECT_EQ(P("/users").Join(P("/1/name")), path);
  EXPECT_EQ(path.Join(Path()), path);
  EXPECT_EQ(path.RelativeTo(P("/users")), P("/1/name"));
  EXPECT_EQ(path.RelativeTo(path), Path());
  EXPECT_EQ(path.RelativeTo(Path()), path);
}

TEST(PathTest, ContainsBySegments) {
  EXPECT_TRUE(P("/a").Contains(P("/a")));
  EXPECT_TRUE(P("/a").Contains(P("/a/b")));
  EXPECT_FALSE(P("/a").Contains(P("/ab")));
  EXPECT_FALSE(P("/a/b").Contains(P("/a")));
  EXPECT_TRUE(Path().Contains(P("/a")));
  EXPECT_FALSE(P("/a").StrictlyContains(P("/a")));
  EXPECT_TRUE(P("/a").StrictlyContains(P("/a/b")));
}

TEST(PathTest, OrdersBySegmentsInByteOrder) {
  // "/a/b" before "/a!": a segment that ends sorts before one that goes on.
  const std::vector<Path> ordered = {Path(),   P("/a"),  P("/a/b"), P("/a\x01"),
                                     P("/a!"), P("/ab"), P("/b"),   P("/é")};
  for (size_t i = 0; i + 1 < ordered.size(); ++i) {
    EXPECT_LT(ordered[i], ordered[i + 1]) << i;
  }
}

TEST(PathTest, SubtreeIsOneRange) {
  const Path a = P("/a");
  for (const Path& path : {P("/a"), P("/a/b"), P("/a/\x7F"), P("/a/😀/x")}) {
    EXPECT_GE(path.key(), a.key());
    EXPECT_LT(path.key(), a.SubtreeEnd());
  }
  for (const Path& path : {P("/a\x01"), P("/a!"), P("/b")}) {
    EXPECT_GE(path.key(), a.SubtreeEnd());
  }
}

TEST(PathTest, ChecksLimitsOfBuiltPaths) {
  Path path;
  for (int i = 0; i < 30; ++i) path = path.Child("d");
  EXPECT_TRUE(path.CheckLimits().ok());
  ExpectInvalidPath(path.Child("d").CheckLimits(), "31 segments", "at most 30");
  const std::string wide(255, 'a');
  Path heavy;
  for (int i = 0; i < 16; ++i) heavy = heavy.Child(wide);
  EXPECT_TRUE(heavy.CheckLimits().ok());
  ExpectInvalidPath(heavy.Child("b").CheckLimits(), "4098 bytes",
                    "at most 4096");
}

}  // namespace
}  // namespace restate
