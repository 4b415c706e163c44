#include "engine/history/testing/random_commits.h"

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

uint64_t Seed() {
  const char* given = std::getenv("RESTATE_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10)
                                         : std::random_device()();
  std::cerr << "RESTATE_SEED=" << seed << "\n";
  return seed;
}

void ExpectSameTree(const Tree& a, const Tree& b) {
  ASSERT_EQ(a.has_value(), b.has_value());
  if (a.has_value()) {
    EXPECT_TRUE(Value::Identical(*a, *b))
        << a->DebugString() << " and " << b->DebugString();
  }
}

}  // namespace

RandomCommits::RandomCommits() : random_(Seed()) {}

Value RandomCommits::RandomValue(int depth) {
  switch (Below(depth > 0 ? 8 : 6)) {
    case 0:
      return Value::Null();
    case 1:
      return Value::Bool(Below(2) == 1);
    case 2:
      return Value::Int(static_cast<int64_t>(random_()));
    case 3:
      return Value::Double(static_cast<double>(random_()) / 3);
    case 4:
      return Value::String(std::string(Below(100), 'x'));
    case 5:
      return Value::Bytes(std::string(Below(100), '\xfe'));
    case 6: {
      Value::List list;
      for (size_t i = Below(4); i > 0; --i) {
        list.push_back(RandomValue(depth - 1));
      }
      return Value::MakeList(std::move(list));
    }
    default: {
      Value::Map map;
      for (size_t i = Below(5); i > 0; --i) {
        map = map.Set(absl::StrCat("k", Below(20)), RandomValue(depth - 1));
      }
      return Value::MakeMap(map);
    }
  }
}

Tree RandomCommits::RandomTree() {
  if (Below(3) == 0) return std::nullopt;
  return RandomValue(3);
}

Effect RandomCommits::RandomEffect(int32_t index) {
  Effect effect;
  effect.index = index;
  effect.kind = static_cast<Effect::Kind>(Below(3));
  for (size_t i = Below(4); i > 0; --i) {
    effect.path = effect.path.Child(absl::StrCat("s", Below(10)));
  }
  effect.before = RandomTree();
  effect.after =
      effect.kind == Effect::Kind::kPing ? effect.before : RandomTree();
  effect.default_value = RandomTree();
  effect.payload = RandomTree();
  effect.complete = Below(8) != 0;
  if (!effect.complete) effect.before.reset();
  effect.after_incomplete = Below(8) == 0;
  if (effect.after_incomplete) effect.after.reset();
  effect.below_unknown = Below(8) == 0;
  effect.keeps_below = effect.below_unknown && Below(2) == 0;
  for (size_t i = effect.keeps_below ? Below(3) : 0; i > 0; --i) {
    effect.derived_below.push_back(
        {effect.path.Child(absl::StrCat("d", i)), RandomTree()});
  }
  effect.skip_notify = Below(8) == 0;
  return effect;
}

SequencedCommit RandomCommits::Next() {
  revision_ += 1 + static_cast<Revision>(Below(20) == 0 ? Below(1000) : 0);
  seconds_ += static_cast<int64_t>(Below(10));
  SequencedCommit commit;
  commit.revision = revision_;
  commit.commit_time =
      absl::FromUnixNanos(seconds_ * 1'000'000'000 +
                          static_cast<int64_t>(Below(1'000'000'000)));
  commit.origin = static_cast<CommitOrigin>(Below(3));
  const size_t operations = 1 + Below(Below(10) == 0 ? 50 : 3);
  for (size_t i = 0; i < operations; ++i) {
    commit.effects.push_back(RandomEffect(static_cast<int32_t>(i)));
  }
  return commit;
}

void ExpectSameCommit(const SequencedCommit& a, const SequencedCommit& b) {
  EXPECT_EQ(a.revision, b.revision);
  EXPECT_EQ(a.commit_time, b.commit_time);
  EXPECT_EQ(a.origin, b.origin);
  ASSERT_EQ(a.effects.size(), b.effects.size());
  for (size_t i = 0; i < a.effects.size(); ++i) {
    const Effect& x = a.effects[i];
    const Effect& y = b.effects[i];
    EXPECT_EQ(x.index, y.index);
    EXPECT_EQ(x.kind, y.kind);
    EXPECT_EQ(x.path.ToText(), y.path.ToText());
    ExpectSameTree(x.before, y.before);
    ExpectSameTree(x.after, y.after);
    ExpectSameTree(x.default_value, y.default_value);
    ExpectSameTree(x.payload, y.payload);
    EXPECT_EQ(x.complete, y.complete);
    EXPECT_EQ(x.after_incomplete, y.after_incomplete);
    EXPECT_EQ(x.below_unknown, y.below_unknown);
    EXPECT_EQ(x.keeps_below, y.keeps_below);
    ASSERT_EQ(x.derived_below.size(), y.derived_below.size());
    for (size_t k = 0; k < x.derived_below.size(); ++k) {
      EXPECT_EQ(x.derived_below[k].dest, y.derived_below[k].dest);
      ExpectSameTree(x.derived_below[k].value, y.derived_below[k].value);
    }
    EXPECT_EQ(x.skip_notify, y.skip_notify);
  }
}

}  // namespace restate
