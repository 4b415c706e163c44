#include "engine/commit/overlay.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/backend/memory/memory_backend.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

// A memory backend as the base, a plain tree as the model of base and changes.
class OverlayTest : public testing::Test {
 protected:
  void Base(const Tree& tree) {
    backend_ = std::make_unique<MemoryBackend>();
    Write write;
    write.value = tree;
    ASSERT_TRUE(backend_->Apply({write}, 1).ok());
    base_ = *backend_->TakeSnapshot();
    model_ = tree;
  }

  std::unique_ptr<MemoryBackend> backend_;
  std::shared_ptr<const Snapshot> base_;
  Tree model_;
};

Path RandomPath(std::mt19937& random) {
  Path path;
  for (unsigned depth = random() % 5; depth > 0; --depth) {
    path = path.Child(std::string(1, static_cast<char>('a' + random() % 3)));
  }
  return path;
}

TEST_F(OverlayTest, RandomChangesReadAsTheModel) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    Tree start;
    for (int i = 0; i < 20; ++i) {
      start = tree::ReplaceOwn(start, RandomPath(random), Value::Int(i));
    }
    Base(start);
    Overlay overlay(base_.get());
    Overlay::Savepoint savepoint = overlay.Save();
    Tree saved_model = model_;
    for (int step = 0; step < 200; ++step) {
      const Path path = RandomPath(random);
      absl::StatusOr<ReadResult> old = overlay.Read(path, {});
      ASSERT_TRUE(old.ok());
      ASSERT_EQ(old->tree, tree::Get(model_, path)) << path.ToText();
      const bool existed = old->tree.has_value();
      Tree value;
      if (random() % 3 != 0) value = Value::Int(step);
      if (random() % 6 == 0 && !path.is_root()) value = Value::EmptyMap();
      if (random() % 2 == 0) {
        ASSERT_TRUE(overlay.Replace(path, value, existed, step).ok());
        model_ = tree::Replace(model_, path, value);
      } else {
        // What the executor does: without children an own value is everything.
        if (value.has_value() && value->is_map()) value.reset();
        ASSERT_TRUE(overlay.ReplaceOwn(path, value, existed, step).ok());
        model_ = tree::ReplaceOwn(model_, path, value);
      }
      switch (random() % 12) {
        case 0:
          savepoint = overlay.Save();
          saved_model = model_;
          break;
        case 1:
          overlay.Restore(savepoint);
          model_ = saved_model;
          break;
      }
      const Path other = RandomPath(random);
      const Tree expected = tree::Get(model_, other);
      absl::StatusOr<NodeProbe> probe = overlay.Probe(other);
      ASSERT_TRUE(probe.ok());
      ASSERT_EQ(probe->own, tree::OwnValue(expected)) << other.ToText();
      ASSERT_EQ(probe->has_children, tree::HasChildren(expected))
          << other.ToText();
    }
    // The writes, applied to the base, give the model.
    ASSERT_TRUE(backend_->Apply(overlay.Writes(), 2).ok());
    EXPECT_EQ((*backend_->TakeSnapshot())->Read(Path(), {})->tree, model_);
  }
}

TEST_F(OverlayTest, KnowsWhatTheBaseReadBeforeASubtreeIsReplaced) {
  Base(tree::Replace(std::nullopt, P("/a/b"), Value::Int(1)));
  Overlay overlay(base_.get());
  ASSERT_TRUE(overlay.Read(P("/a"), {}).ok());
  ASSERT_TRUE(overlay.Replace(P("/a"), Value::Int(2), true, 5).ok());
  ASSERT_TRUE(overlay.Replace(P("/a/c"), Value::Int(3), false, 6).ok());
  std::vector<Write> writes = overlay.Writes();
  ASSERT_EQ(writes.size(), 1u);
  EXPECT_EQ(writes[0].path, P("/a"));
  EXPECT_EQ(writes[0].revision, 6);
  ASSERT_TRUE(writes[0].before.has_value());
  EXPECT_EQ(tree::Get(*writes[0].before, P("/b")), Tree(Value::Int(1)));
}

TEST_F(OverlayTest, TellsWhichEmptyMapsGaveWay) {
  Base(tree::Replace(std::nullopt, P("/a"), Value::EmptyMap()));
  Overlay overlay(base_.get());
  ASSERT_TRUE(overlay.Replace(P("/a/b/c"), Value::Int(1), false, 2).ok());
  EXPECT_EQ(overlay.TakeClearedEmptyMaps(), (std::vector<Path>{P("/a")}));
  ASSERT_TRUE(overlay.Replace(P("/a/b"), std::nullopt, true, 3).ok());
  EXPECT_FALSE(overlay.Probe(P("/a"))->exists())
      << "the {} does not come back";
}

TEST_F(OverlayTest, LimitsAreKept) {
  Base(Tree(Value::String(std::string(1000, 'x'))));
  Overlay overlay(base_.get());
  ReadLimits limits;
  limits.max_bytes = 100;
  EXPECT_TRUE(overlay.Read(Path(), limits)->over_limit);
  ASSERT_TRUE(overlay.Replace(P("/a"), Value::String(std::string(1000, 'y')),
                              false, 2)
                  .ok());
  EXPECT_TRUE(overlay.Read(P("/a"), limits)->over_limit);
}

}  // namespace
}  // namespace restate
