// Runs that list children: what makes them run again, and what does not.

#include <string>
#include <utility>

#include "engine/derivation/definition.h"
#include "engine/error/error.h"
#include "engine/tracking/tracking_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Value I(int64_t i) { return Value::Int(i); }

class TrackerListingTest : public TrackingTest {
 protected:
  void List(const std::string& run, std::string_view path,
            Revision revision) {
    EXPECT_TRUE(controller_->trackers()
                    .RecordListing(run, P(path), revision)
                    .ok());
  }
  // A whole run.
  void Run(std::string_view path) {
    const std::string run = Begin("t");
    List(run, path, controller_->Published()->revision());
    EXPECT_TRUE(End(run).ok());
  }
  // Whether "t" is to run again; then it lists again.
  bool Reran(std::string_view path) {
    if (Reruns().empty()) return false;
    Run(path);
    return true;
  }
  void Delete(std::string_view path) {
    CommitRequest request;
    request.operations.push_back(DeleteOperation{.path = P(path)});
    ASSERT_TRUE(Submit(std::move(request)).get().ok());
  }
  void SetOwn(std::string_view path, Value value) {
    CommitRequest request = Writes(path, std::move(value));
    std::get<SetOperation>(request.operations[0]).mode = WriteMode::kValue;
    ASSERT_TRUE(Submit(std::move(request)).get().ok());
  }
  void Derive(std::string_view dest, std::string_view source,
              std::string lua) {
    CommitRequest request;
    Definition definition;
    definition.dest = P(dest);
    definition.sources.push_back(P(source));
    definition.transform = LuaTransform{{"x"}, std::move(lua)};
    request.derivation = DefineDerivation{std::move(definition), false};
    ASSERT_TRUE(Submit(std::move(request)).get().ok());
  }
};

TEST_F(TrackerListingTest, NamesCountAndValuesDoNot) {
  Set("/a/b", I(1));
  Run("/a");
  Set("/a/b", I(2));
  EXPECT_FALSE(Reran("/a"));
  Set("/a/c", I(1));
  EXPECT_TRUE(Reran("/a"));
  // Its parent's own value, and what is elsewhere.
  SetOwn("/a", I(1));
  Set("/b", I(1));
  EXPECT_FALSE(Reran("/a"));
  Delete("/a/b");
  EXPECT_TRUE(Reran("/a"));
  Delete("/a");
  EXPECT_TRUE(Reran("/a"));
}

TEST_F(TrackerListingTest, WhatIsSaidOfAChildCounts) {
  Set("/a/b", I(1));
  Run("/a");
  Set("/a/b/c", I(1));
  EXPECT_TRUE(Reran("/a"));
  Set("/a/b/c", I(2));
  EXPECT_FALSE(Reran("/a"));
  Set("/a/b", MapOf({{"c", I(3)}}));
  EXPECT_TRUE(Reran("/a"));
  Set("/a/b", MapOf({{"d", I(3)}}));
  EXPECT_FALSE(Reran("/a"));
  SetOwn("/a/b", I(1));
  EXPECT_TRUE(Reran("/a"));
}

TEST_F(TrackerListingTest, WritesAboveCountByWhatTheyList) {
  Set("/a/b/c", I(1));
  Run("/a/b");
  Set("/a", MapOf({{"b", MapOf({{"c", I(2)}})}, {"x", I(1)}}));
  EXPECT_FALSE(Reran("/a/b"));
  Set("/a", MapOf({{"b", MapOf({{"d", I(2)}})}}));
  EXPECT_TRUE(Reran("/a/b"));
}

TEST_F(TrackerListingTest, DerivedChildrenThatALeafHidesCount) {
  Set("/counter", I(0));
  Derive("/counter/squared", "/counter", "x > 0 and x * x or nil");
  Run("/counter");
  Set("/counter", I(3));
  EXPECT_TRUE(Reran("/counter"));
  Set("/counter", I(4));
  EXPECT_FALSE(Reran("/counter"));
  Set("/counter", I(0));
  EXPECT_TRUE(Reran("/counter"));
}

TEST_F(TrackerListingTest, NothingIsMissedBetweenListingAndNotingIt) {
  Set("/counter", I(0));
  Derive("/counter/squared", "/counter", "x > 0 and x * x or nil");
  const std::string run = Begin("t");
  const Revision listed_at = controller_->Published()->revision();
  Set("/counter", I(3));
  List(run, "/counter", listed_at);
  EXPECT_TRUE(End(run)->rerun);
  EXPECT_THAT(Reruns(), ElementsAre("t"));
}

TEST_F(TrackerListingTest, APageFromBeforeTheRunCountsAsChanged) {
  Set("/a/b", I(1));
  const Revision listed_at = controller_->Published()->revision();
  Set("/elsewhere", I(1));
  const std::string run = Begin("t");
  List(run, "/a", listed_at);
  EXPECT_TRUE(End(run)->rerun);
}

TEST_F(TrackerListingTest, AListingAndAReadingAreApart) {
  Set("/a/b", I(1));
  const std::string run = Begin("t");
  List(run, "/a", controller_->Published()->revision());
  Read(run, "/a");
  ASSERT_TRUE(End(run).ok());
  Set("/a/b", I(2));
  EXPECT_TRUE(Reran("/a"));
  Set("/a/b", I(3));
  EXPECT_THAT(Reruns(), IsEmpty());
}

TEST_F(TrackerListingTest, ARunThatIsOverListsNoMore) {
  const std::string run = Begin("t");
  ASSERT_TRUE(End(run).ok());
  const absl::Status status =
      controller_->trackers().RecordListing(run, P("/a"), 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ErrorReason(status), "RUN_NOT_FOUND");
}

}  // namespace
}  // namespace restate
