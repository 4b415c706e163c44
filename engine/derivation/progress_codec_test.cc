#include "engine/derivation/progress_codec.h"

#include <string>

#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(const std::string& text) { return *Path::Parse(text); }

Definition Plain() {
  Definition definition;
  definition.dest = P("/d");
  definition.sources = {P("/x")};
  definition.transform = LuaTransform{{"x"}, "x"};
  return definition;
}

DerivationProgress Well() {
  DerivationProgress progress;
  progress.computed_present = true;
  return progress;
}

TEST(ProgressCodecTest, OneThatIsWellHasNoRecord) {
  const Definition plain = Plain();
  RecordChange change;
  EXPECT_FALSE(ProgressChange(plain, Well(), Well(), &change));
  DerivationProgress failed = Well();
  failed.status = DerivationStatus::kError;
  failed.message = "why";
  ASSERT_TRUE(ProgressChange(plain, Well(), failed, &change));
  EXPECT_EQ(change.key, "derived/" + plain.dest.key());
  ASSERT_TRUE(change.value.has_value());
  DerivationProgress read = Well();
  ASSERT_TRUE(DecodeProgress(*change.value, &read).ok());
  EXPECT_EQ(read.status, DerivationStatus::kError);
  EXPECT_EQ(read.message, "why");
  EXPECT_TRUE(read.computed_present);
  // Well again.
  ASSERT_TRUE(ProgressChange(plain, failed, Well(), &change));
  EXPECT_EQ(change.key, ForgetProgress(plain.dest).key);
  EXPECT_EQ(change.value, std::nullopt);
  // How often it ran is not kept.
  DerivationProgress ran = Well();
  ran.runs = 7;
  ran.last_revision = 8;
  EXPECT_FALSE(ProgressChange(plain, Well(), ran, &change));
}

TEST(ProgressCodecTest, WhatATrackedOneReadIsKept) {
  Definition tracked = Plain();
  tracked.sources.clear();
  tracked.transform = LuaTransform{{}, "get('/x')"};
  DerivationProgress before;
  DerivationProgress after = Well();
  after.status = DerivationStatus::kOverBudget;
  after.reads = {P("/"), P("/x/y")};
  after.cyclic_reads = {P("/x/y")};
  RecordChange change;
  ASSERT_TRUE(ProgressChange(tracked, before, after, &change));
  DerivationProgress read;
  ASSERT_TRUE(DecodeProgress(*change.value, &read).ok());
  EXPECT_EQ(read.status, DerivationStatus::kOverBudget);
  EXPECT_EQ(read.reads, after.reads);
  EXPECT_EQ(read.cyclic_reads, after.cyclic_reads);
  EXPECT_TRUE(read.awaiting());
}

TEST(ProgressCodecTest, OneThatNeverGaveAnythingKeepsNothing) {
  DerivationProgress put_off;
  put_off.status = DerivationStatus::kOverBudget;
  RecordChange change;
  ASSERT_TRUE(ProgressChange(Plain(), Well(), put_off, &change));
  DerivationProgress read = Well();
  ASSERT_TRUE(DecodeProgress(*change.value, &read).ok());
  EXPECT_FALSE(read.computed_present);
}

TEST(ProgressCodecTest, DamageIsFound) {
  DerivationProgress progress;
  for (const std::string& bytes :
       {std::string("\xff\xff"), std::string(), std::string("\x08\x63"),
        // A path whose key does not end in NUL.
        std::string("\x08\x01\x1a\x01x")}) {
    EXPECT_EQ(ErrorReason(DecodeProgress(bytes, &progress)), "CORRUPT");
  }
}

}  // namespace
}  // namespace restate
