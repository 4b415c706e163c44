#include "engine/path/pattern.h"

#include <string>

#include "engine/error/error.h"
#include "engine/path/path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using ::testing::HasSubstr;

PathPattern Pattern(std::string_view text) {
  return PathPattern::Parse(text).value();
}

struct Row {
  std::string_view pattern;
  std::string_view path;
  bool matches;
};

TEST(PatternTest, TruthTable) {
  constexpr Row kRows[] = {
      {"/", "/", true},
      {"/", "/a", false},
      {"/*", "/", false},
      {"/*", "/a", true},
      {"/*", "/a/b", false},
      {"/*", "/é", true},
      {"/*", "/a~1b", true},
      {"/a", "/a", true},
      {"/a", "/b", false},
      {"/a", "/ab", false},
      {"/a", "/a/b", false},
      {"/a/*/c", "/a/b/c", true},
      {"/a/*/c", "/a/c", false},
      {"/a/*/c", "/a/b/d", false},
      {"/a/*/c", "/a/b/c/d", false},
      {"/a/*", "/a/b", true},
      {"/a/*", "/b/b", false},
      {"/*/b", "/a/b", true},
      {"/*/b", "/a/c", false},
      {"/*/*", "/a/b", true},
      {"/*/*", "/a", false},
      {"/a*", "/ab", false},
      {"/a*", "/a*", true},
      {"/**", "/a", false},
      {"/**", "/**", true},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(Pattern(row.pattern).Matches(Path::Parse(row.path).value()),
              row.matches)
        << row.pattern << " " << row.path;
  }
}

TEST(PatternTest, NormalizesText) {
  EXPECT_EQ(Pattern("users//*/name/").ToText(), "/users/*/name");
  EXPECT_EQ(Pattern("").ToText(), "/");
  EXPECT_EQ(Pattern("/a~1b/*").ToText(), "/a~1b/*");
  EXPECT_EQ(Pattern("/users/*").depth(), 2u);
  EXPECT_EQ(PathPattern(), Pattern("/"));
}

TEST(PatternTest, ExactlyMatchesOnePath) {
  const Path path = Path::Parse("/a/b").value();
  EXPECT_EQ(PathPattern::Exactly(path), Pattern("/a/b"));
}

TEST(PatternTest, KeepsTheOtherRulesOfPaths) {
  for (std::string_view text : {"/*/..", "/.", "/~1", "/~2", "/\xFF", "/a~"}) {
    const absl::Status status = PathPattern::Parse(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(ErrorReason(status), "INVALID_PATH") << text;
  }
  std::string deep;
  for (int i = 0; i < 31; ++i) deep += "/*";
  EXPECT_THAT(std::string(PathPattern::Parse(deep).status().message()),
              HasSubstr("more than 30 segments"));
}

TEST(PatternTest, OrdersByteWise) {
  EXPECT_LT(Pattern("/"), Pattern("/*"));
  EXPECT_LT(Pattern("/*"), Pattern("/a"));
  EXPECT_LT(Pattern("/*"), Pattern("/*/a"));
}

}  // namespace
}  // namespace restate
