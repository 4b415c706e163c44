// Random batches against a naive model: the same reads, probes and walks, over
// every arrangement of backends. A failure prints its seed; RESTATE_SEED runs
// one again.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/conformance/conformance_suite.h"
#include "engine/backend/conformance/model.h"
#include "engine/tree/testing/random_tree.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

bool Same(const Tree& a, const Tree& b) {
  return a.has_value() == b.has_value() &&
         (!a.has_value() || Value::Identical(*a, *b));
}

std::string Show(const Tree& tree) {
  return tree.has_value() ? tree->DebugString() : "absent";
}

void ExpectSameRead(const Snapshot& snapshot, const Model& model,
                    const Path& path, size_t depth) {
  bool truncated = false;
  const Tree expected = model.Read(path, depth, &truncated);
  ReadLimits limits;
  limits.depth = depth;
  absl::StatusOr<ReadResult> read = snapshot.Read(path, limits);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_TRUE(Same(read->tree, expected))
      << path.ToText() << " depth " << depth << " reads " << Show(read->tree)
      << "\nand should read " << Show(expected);
  ASSERT_EQ(read->truncated, truncated) << path.ToText();
  ASSERT_FALSE(read->over_limit);

  // Limits at the exact count pass, and one less does not.
  const size_t count = tree::CountOwnValues(expected);
  limits.max_own_values = count;
  ASSERT_FALSE(snapshot.Read(path, limits)->over_limit);
  if (count > 0) {
    limits.max_own_values = count - 1;
    ASSERT_TRUE(snapshot.Read(path, limits)->over_limit);
    limits.max_own_values = count;
    limits.max_bytes = expected->ByteSize();
    ASSERT_FALSE(snapshot.Read(path, limits)->over_limit);
    limits.max_bytes = expected->ByteSize() - 1;
    ASSERT_TRUE(snapshot.Read(path, limits)->over_limit);
  }
}

void ExpectSameProbe(const Snapshot& snapshot, const Model& model,
                     const Path& path) {
  const NodeProbe expected = model.Probe(path);
  absl::StatusOr<NodeProbe> probe = snapshot.Probe(path);
  ASSERT_TRUE(probe.ok()) << probe.status();
  ASSERT_TRUE(Same(probe->own, expected.own))
      << path.ToText() << " has " << Show(probe->own) << " and should have "
      << Show(expected.own);
  ASSERT_EQ(probe->has_children, expected.has_children) << path.ToText();
}

// From `key` on, for at most `steps`, with a cursor over what is at and below
// `within`.
void ExpectSameWalk(Cursor& cursor, const Model& model, const Path& within,
                    const std::string& key, int steps) {
  cursor.Seek(key);
  auto expected = model.own_values().lower_bound(std::max(key, within.key()));
  for (; steps > 0; --steps) {
    ASSERT_EQ(cursor.status(), absl::OkStatus());
    ASSERT_EQ(cursor.Valid(), expected != model.own_values().end() &&
                                  expected->first.starts_with(within.key()));
    if (!cursor.Valid()) return;
    ASSERT_EQ(cursor.key(), expected->first);
    absl::StatusOr<Value> value = cursor.value();
    ASSERT_TRUE(value.ok()) << value.status();
    ASSERT_TRUE(Value::Identical(*value, expected->second));
    cursor.Next();
    ++expected;
  }
}

void ExpectSame(const Snapshot& snapshot, const Model& model,
                RandomTree& random) {
  ExpectSameRead(snapshot, model, Path(), 0);
  std::unique_ptr<Cursor> cursor = snapshot.NewCursor(Path());
  ExpectSameWalk(*cursor, model, Path(), "", 1'000'000);
  for (int i = 0; i < 4 && !testing::Test::HasFatalFailure(); ++i) {
    const Path path = random.SomePath();
    ExpectSameRead(snapshot, model, path, 0);
    ExpectSameRead(snapshot, model, path, random.Below(4));
    ExpectSameProbe(snapshot, model, path);
    ExpectSameWalk(*cursor, model, Path(), path.key(), 2);
    ExpectSameWalk(*cursor, model, Path(), path.SubtreeEnd(), 2);
    // Not a whole path.
    ExpectSameWalk(*cursor, model, Path(), path.key() + random.Name(), 2);
    // Of a part, from before it, inside it, and behind it.
    std::unique_ptr<Cursor> part = snapshot.NewCursor(path);
    ExpectSameWalk(*part, model, path, "", 1'000'000);
    ExpectSameWalk(*part, model, path, path.key() + random.Name(), 3);
    ExpectSameWalk(*part, model, path, random.SomePath().key(), 3);
  }
}

}  // namespace

TEST_P(RandomOperationsTest, ReadsLikeTheModel) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE("RESTATE_SEED=" + std::to_string(seed));
  RandomTree random(seed, {.names = {"a", "b", "c", "d", "a\x01", "a/b", "~",
                                     " ", "!", "\xc3\xa9", "0"},
                           .common = 4,
                           .depth = 5});
  TreeUnderTest tree(GetParam().mounts);
  Model model;
  std::vector<std::pair<std::shared_ptr<const Snapshot>, Model>> kept;

  for (int round = 0; round < 120; ++round) {
    const Model before = model;
    std::vector<Write> batch;
    for (int i = 1 + random.Below(5); i > 0; --i) {
      Write write;
      write.path = random.SomePath();
      std::vector<Write> clears;
      if (random.OneIn(4)) {
        write.scope = Write::Scope::kOwnValue;
        if (!random.OneIn(3)) write.value = random.Leaf();
        if (!model.Probe(write.path).has_children && random.OneIn(4)) {
          write.value = Value::EmptyMap();
        }
        model.ReplaceOwn(write.path, write.value, &clears);
      } else {
        if (!random.OneIn(4)) write.value = random.Subtree(3);
        if (random.OneIn(2)) write.before = before.Read(write.path);
        model.Replace(write.path, write.value, &clears);
      }
      batch.push_back(std::move(write));
      for (Write& clear : clears) batch.push_back(std::move(clear));
    }
    ASSERT_EQ(tree.Apply(std::move(batch)), absl::OkStatus());

    std::shared_ptr<const Snapshot> snapshot = tree.TakeSnapshot();
    SCOPED_TRACE("round " + std::to_string(round));
    ExpectSame(*snapshot, model, random);
    if (HasFatalFailure()) return;
    if (random.OneIn(20)) kept.emplace_back(std::move(snapshot), model);
  }
  // What was written later does not show.
  for (const auto& [snapshot, then] : kept) ExpectSame(*snapshot, then, random);
  kept.clear();

  ASSERT_EQ(tree.Reopen(), absl::OkStatus());
  ExpectSame(*tree.TakeSnapshot(), model, random);
}

// Instantiated by those who have arrangements.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RandomOperationsTest);

}  // namespace restate
