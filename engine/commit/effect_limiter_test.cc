#include "engine/commit/effect_limiter.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Value MapOf(size_t leaves, int64_t first = 0) {
  Value::Map map;
  for (size_t i = 0; i < leaves; ++i) {
    map = map.Set(absl::StrCat(i), Value::Int(first + static_cast<int64_t>(i)));
  }
  return Value::MakeMap(map);
}

Value BytesOf(size_t size) { return Value::String(std::string(size, 'x')); }

Value MapWith(Value child) {
  return Value::MakeMap(Value::Map().Set("child", std::move(child)));
}

Effect Change(Tree before, Tree after) {
  Effect effect;
  effect.before = std::move(before);
  effect.after = std::move(after);
  return effect;
}

void ExpectWhole(const Effect& effect) {
  EXPECT_TRUE(effect.complete);
  EXPECT_FALSE(effect.after_incomplete);
  EXPECT_FALSE(effect.below_unknown);
}

TEST(EffectLimiterTest, TenThousandChangedLeavesAreKept) {
  EffectLimiter limiter;
  Effect appears = Change({}, MapOf(10'000));
  limiter.Limit(Reach::kSubtree, &appears);
  ExpectWhole(appears);
  // 20,000 leaves are there, one of them is another.
  const Value many = MapOf(20'000);
  Effect one = Change(
      many, Value::MakeMap(many.as_map().Set("7", Value::String("new"))));
  limiter.Limit(Reach::kSubtree, &one);
  ExpectWhole(one);
  EXPECT_EQ(one.before, Tree(many));
}

TEST(EffectLimiterTest, OneMoreIsAMarkWithWhatAnEventCarries) {
  EffectLimiter limiter;
  Effect appears = Change({}, MapOf(10'001));
  limiter.Limit(Reach::kSubtree, &appears);
  EXPECT_TRUE(appears.below_unknown);
  EXPECT_TRUE(appears.complete) << "there was nothing, which is known";
  EXPECT_FALSE(appears.after_incomplete);
  EXPECT_EQ(appears.after, Tree(MapOf(10'001))) << "under 1 MiB";

  Effect changes = Change(MapOf(10'001), MapOf(10'001, 1));
  limiter.Limit(Reach::kSubtree, &changes);
  EXPECT_TRUE(changes.below_unknown);
  EXPECT_EQ(changes.before, Tree(MapOf(10'001)));
}

TEST(EffectLimiterTest, AMarkLeavesOutValuesThatNoEventCarries) {
  EffectLimiter limiter;
  Value::Map big = MapOf(10'001).as_map();
  big = big.Set("big", BytesOf(kMaxCarriedBytes));
  Effect effect = Change(Value::MakeMap(big), {});
  effect.kind = Effect::Kind::kDelete;
  limiter.Limit(Reach::kSubtree, &effect);
  EXPECT_TRUE(effect.below_unknown);
  EXPECT_FALSE(effect.complete);
  EXPECT_EQ(effect.before, std::nullopt);
  EXPECT_FALSE(effect.after_incomplete) << "nothing is there, which is known";
}

TEST(EffectLimiterTest, SidesUpToSixteenMebibytesAreKept) {
  EffectLimiter limiter;
  Effect large = Change({}, MapWith(BytesOf(kMaxSideBytes - 1'000)));
  limiter.Limit(Reach::kSubtree, &large);
  ExpectWhole(large);
  Effect too_large = Change({}, MapWith(BytesOf(kMaxSideBytes)));
  limiter.Limit(Reach::kSubtree, &too_large);
  EXPECT_TRUE(too_large.below_unknown);
  EXPECT_TRUE(too_large.after_incomplete);
  EXPECT_EQ(too_large.after, std::nullopt);
  EXPECT_TRUE(too_large.complete);
}

TEST(EffectLimiterTest, ACommitKeepsSixtyFourMebibytesOfValues) {
  EffectLimiter limiter;
  const Value part = MapWith(BytesOf(size_t{15} << 20));
  for (int i = 0; i < 4; ++i) {
    Effect effect = Change({}, part);
    limiter.Limit(Reach::kSubtree, &effect);
    ExpectWhole(effect);
  }
  Effect fifth = Change({}, part);
  limiter.Limit(Reach::kSubtree, &fifth);
  EXPECT_TRUE(fifth.below_unknown);
  Effect leaf = Change(Value::Int(1), Value::Int(2));
  limiter.Limit(Reach::kSubtree, &leaf);
  ExpectWhole(leaf);
}

TEST(EffectLimiterTest, BelowALeafNothingChanges) {
  EffectLimiter limiter;
  Effect effect =
      Change(BytesOf(2 * kMaxCarriedBytes), BytesOf(3 * kMaxCarriedBytes));
  limiter.Limit(Reach::kSubtree, &effect);
  EXPECT_FALSE(effect.below_unknown);
  EXPECT_FALSE(effect.complete);
  EXPECT_TRUE(effect.after_incomplete);
}

TEST(EffectLimiterTest, AnOwnValueLeavesWhatIsBelow) {
  EffectLimiter limiter;
  Effect huge = Change(MapOf(5), MapOf(5));
  huge.complete = false;
  huge.after_incomplete = true;
  limiter.Limit(Reach::kOwnValue, &huge);
  EXPECT_FALSE(huge.below_unknown);
  EXPECT_EQ(huge.before, std::nullopt) << "a part is not kept";
  EXPECT_EQ(huge.after, std::nullopt);

  const Value large = MapWith(BytesOf(2 * kMaxCarriedBytes));
  Effect effect = Change(large, large);
  limiter.Limit(Reach::kOwnValue, &effect);
  EXPECT_FALSE(effect.below_unknown);
  EXPECT_FALSE(effect.complete) << "no event carries it";
  EXPECT_TRUE(effect.after_incomplete);
}

TEST(EffectLimiterTest, WhatWasTooLargeToReadIsAMark) {
  EffectLimiter limiter;
  Effect effect = Change(MapOf(3), Value::Int(1));
  effect.complete = false;
  limiter.Limit(Reach::kSubtree, &effect);
  EXPECT_TRUE(effect.below_unknown);
  EXPECT_EQ(effect.before, std::nullopt);
  EXPECT_EQ(effect.after, Tree(Value::Int(1)));
}

TEST(EffectLimiterTest, AMountKeepsWhatAnOperationOrAnEventMay) {
  const auto keeps = [](EffectLimiter& limiter, Value after) {
    Effect mount = Change(Value::Int(1), std::move(after));
    limiter.LimitMount(&mount);
    EXPECT_FALSE(mount.complete);
    EXPECT_EQ(mount.before, std::nullopt);
    EXPECT_TRUE(mount.below_unknown);
    EXPECT_EQ(mount.after_incomplete, !mount.after.has_value());
    return mount.after.has_value();
  };
  EffectLimiter limiter;
  EXPECT_TRUE(keeps(limiter, MapOf(10'001))) << "an event carries it";
  EXPECT_TRUE(keeps(limiter, MapWith(BytesOf((16 << 20) - 100))));
  EXPECT_FALSE(keeps(limiter, MapWith(BytesOf(16 << 20))));
  EXPECT_FALSE(keeps(limiter, MapOf(60'000))) << "neither small nor few";
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(keeps(limiter, MapWith(BytesOf((16 << 20) - 100))));
  }
  EXPECT_FALSE(keeps(limiter, MapWith(BytesOf((16 << 20) - 100))))
      << "over 64 MiB a commit";
}

}  // namespace
}  // namespace restate
