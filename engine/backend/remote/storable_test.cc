#include "engine/backend/remote/storable.h"

#include <string>
#include <utility>

#include "engine/error/error.h"
#include "engine/path/path.h"
#include "engine/value/value.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Write Set(std::string_view path, Tree value) {
  return {*Path::Parse(path), Write::Scope::kSubtree, std::move(value), 1, {}};
}

void ExpectRefused(const Write& write, const StoreLimits& limits,
                   const std::string& message) {
  const absl::Status status = CheckStorable(write, limits);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(status), "NOT_STORABLE");
  EXPECT_EQ(status.message(), message);
}

TEST(CheckStorableTest, WithoutBoundsEverythingFits) {
  EXPECT_EQ(CheckStorable(Set("/a", Value::EmptyMap()), StoreLimits()),
            absl::OkStatus());
  EXPECT_EQ(CheckStorable(Set("/a", std::nullopt), StoreLimits()),
            absl::OkStatus());
}

TEST(CheckStorableTest, ReadOnlyRefusesDeletionsToo) {
  StoreLimits limits;
  limits.read_only = true;
  ExpectRefused(Set("/a", std::nullopt), limits,
                "/a: the store cannot hold this: it is read-only");
}

TEST(CheckStorableTest, NamesThePathInsideTheValue) {
  StoreLimits limits;
  limits.max_value_bytes = 3;
  const Value map =
      Value::MakeMap(Value::Map().Set("b", Value::String("four")));
  ExpectRefused(
      Set("/a", map), limits,
      "/a/b: the store cannot hold this: a value may have at most 3 bytes");
  EXPECT_EQ(CheckStorable(Set("/a/b", Value::String("123")), limits),
            absl::OkStatus());
}

TEST(CheckStorableTest, BoundsPathsSegmentsAndLevels) {
  StoreLimits path;
  path.max_path_bytes = 4;
  EXPECT_EQ(CheckStorable(Set("/a/b", Value::Int(1)), path), absl::OkStatus());
  ExpectRefused(Set("/a/bc", Value::Int(1)), path,
                "/a/bc: the store cannot hold this: its path has 5 bytes, of "
                "at most 4");
  StoreLimits segment;
  segment.max_segment_bytes = 2;
  ExpectRefused(Set("/a/bcd", Value::Int(1)), segment,
                "/a/bcd: the store cannot hold this: a segment has 3 bytes, of "
                "at most 2");
  StoreLimits depth;
  depth.max_depth = 2;
  EXPECT_EQ(CheckStorable(Set("/a/b", Value::EmptyMap()), depth),
            absl::OkStatus());
  EXPECT_EQ(CheckStorable(Set("/a", Value::MakeList({})), depth),
            absl::OkStatus());
  ExpectRefused(Set("/a/b", Value::MakeList({})), depth,
                "/a/b: the store cannot hold this: path and value have 3 "
                "levels, of at most 2");
}

TEST(CheckStorableTest, RefusesKindsInsideListsToo) {
  StoreLimits limits;
  limits.refused_kinds = {Value::Kind::kBytes, Value::Kind::kMap};
  ExpectRefused(Set("/a", Value::MakeList({Value::Bytes("x")})), limits,
                "/a: the store cannot hold this: it keeps no bytes");
  ExpectRefused(Set("/a", Value::EmptyMap()), limits,
                "/a: the store cannot hold this: it keeps no empty maps");
  EXPECT_EQ(CheckStorable(Set("/a", Value::String("x")), limits),
            absl::OkStatus());
}

}  // namespace
}  // namespace restate
