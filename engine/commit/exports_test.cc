#include "engine/commit/exports.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

std::string ReasonOf(Operation operation) {
  const std::vector<Path> exports = {P("/x"), P("/shared/things")};
  return ErrorReason(CheckExports(exports, {operation}));
}

SetOperation Set(std::string_view path, WriteMode mode,
                 Value value = Value::Int(1)) {
  SetOperation set;
  set.path = P(path);
  set.mode = mode;
  set.value = std::move(value);
  return set;
}

Value MapOf(std::string_view key, Value value) {
  Value::Map map;
  return Value::MakeMap(map.Set(key, std::move(value)));
}

TEST(ExportsTest, OnlyWhatReachesAnExportIsRefused) {
  for (WriteMode mode :
       {WriteMode::kSet, WriteMode::kValue, WriteMode::kMerge,
        WriteMode::kIfAbsent, WriteMode::kAdd, WriteMode::kAppend}) {
    EXPECT_EQ(ReasonOf(Set("/shared/things", mode)), "EXPORTED");
    EXPECT_EQ(ReasonOf(Set("/shared/things/a", mode)), "EXPORTED");
    EXPECT_EQ(ReasonOf(Set("/shared/other", mode)), "");
    EXPECT_EQ(ReasonOf(Set("/shared/thing", mode)), "");
  }
  EXPECT_EQ(ReasonOf(Set("/shared", WriteMode::kSet)), "EXPORTED");
  EXPECT_EQ(ReasonOf(Set("/", WriteMode::kIfAbsent)), "EXPORTED");
  EXPECT_EQ(ReasonOf(Set("/shared", WriteMode::kValue)), "");
  EXPECT_EQ(ReasonOf(Set("/shared", WriteMode::kAdd)), "");
  EXPECT_EQ(ReasonOf(DeleteOperation{.path = P("/")}), "EXPORTED");
  EXPECT_EQ(ReasonOf(DeleteOperation{.path = P("/x/y")}), "EXPORTED");
  EXPECT_EQ(ReasonOf(DeleteOperation{.path = P("/y")}), "");
  EXPECT_EQ(ReasonOf(PingOperation{.path = P("/x")}), "");
}

TEST(ExportsTest, AMergeAboveIsRefusedIfItGetsThere) {
  const auto merge = [](std::string_view path, Value value) {
    return ReasonOf(Set(path, WriteMode::kMerge, std::move(value)));
  };
  EXPECT_EQ(merge("/shared", MapOf("other", Value::Int(1))), "");
  EXPECT_EQ(merge("/shared", Value::EmptyMap()), "");
  EXPECT_EQ(merge("/", MapOf("shared", MapOf("other", Value::Int(1)))), "");
  EXPECT_EQ(merge("/shared", MapOf("things", Value::Int(1))), "EXPORTED");
  EXPECT_EQ(merge("/shared", MapOf("things", MapOf("a", Value::Int(1)))),
            "EXPORTED");
  EXPECT_EQ(merge("/", MapOf("shared", Value::Null())), "EXPORTED");
}

}  // namespace
}  // namespace restate
