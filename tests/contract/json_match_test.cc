#include "tests/contract/json_match.h"

#include "gtest/gtest.h"

namespace restate::test {
namespace {

bool Fits(const std::string& expected, const std::string& actual) {
  const Variables variables = {{"r", "7"}};
  return !Mismatch(ParseJson(expected), ParseJson(actual), variables)
              .has_value();
}

TEST(JsonMatchTest, ObjectsFitExactly) {
  EXPECT_TRUE(
      Fits(R"({"a": 1, "b": [true, null]})", R"({"b": [true, null], "a": 1})"));
  EXPECT_FALSE(Fits(R"({"a": 1})", R"({"a": 2})"));
  EXPECT_FALSE(Fits(R"({"a": 1})", R"({"a": 1, "b": 1})"));
  EXPECT_FALSE(Fits(R"({"a": 1, "b": 1})", R"({"a": 1})"));
  EXPECT_FALSE(Fits(R"([1])", R"([1, 2])"));
  EXPECT_FALSE(Fits(R"("1")", R"(1)"));
  EXPECT_FALSE(Fits(R"(null)", R"(false)"));
}

TEST(JsonMatchTest, RevisionAndEpochCountOnlyWhereNamed) {
  EXPECT_TRUE(Fits(R"({})", R"({"revision": "3", "epoch": "e"})"));
  EXPECT_FALSE(Fits(R"({"revision": "4"})", R"({"revision": "3"})"));
  EXPECT_FALSE(Fits(R"({"json": {}})", R"({"json": {"revision": "3"}})"))
      << "inside a value nothing is left out";
}

TEST(JsonMatchTest, Variables) {
  EXPECT_TRUE(Fits(R"({"revision": "$r"})", R"({"revision": "7"})"));
  EXPECT_TRUE(Fits(R"({"revision": "$r+2"})", R"({"revision": "9"})"));
  EXPECT_TRUE(Fits(R"({"revision": "$>r"})", R"({"revision": "8"})"));
  EXPECT_FALSE(Fits(R"({"revision": "$>r"})", R"({"revision": "7"})"));
  EXPECT_TRUE(Fits(R"({"token": "$any"})", R"({"token": "x"})"));
  EXPECT_FALSE(Fits(R"({"token": "$any"})", R"({})"));
  EXPECT_TRUE(Fits(R"("$$r")", R"("$r")"));
  EXPECT_EQ(
      PrintJson(Substitute(ParseJson(R"(["$r", "$$r", "r"])"), {{"r", "7"}})),
      R"(["7","$r","r"])");
}

TEST(JsonMatchTest, SaysWhere) {
  EXPECT_EQ(*Mismatch(ParseJson(R"({"a": [1, 2]})"),
                      ParseJson(R"({"a": [1, 3]})"), {}),
            "answer.a[1]: expected 2, got 3");
}

}  // namespace
}  // namespace restate::test
