#include "engine/subscription/bundle_builder.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/path/path.h"
#include "engine/path/pattern.h"
#include "engine/value/value.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

// An event of the revision, with a value of so many bytes.
std::shared_ptr<const Delivery> EventOf(Revision revision, int32_t index,
                                        size_t bytes = 1) {
  static const auto pattern =
      std::make_shared<const PathPattern>(*PathPattern::Parse("/a"));
  auto emission = std::make_shared<Emission>();
  emission->revision = revision;
  emission->index = index;
  emission->emitting_path = *Path::Parse("/a");
  emission->new_value = Value::String(std::string(bytes, 'x'));
  emission->bytes = emission->ByteSize();
  auto delivery = std::make_shared<Delivery>();
  delivery->emission = std::move(emission);
  delivery->current_path = *Path::Parse("/a");
  delivery->pattern = pattern;
  return delivery;
}

// Tells a builder commits, and notes what it makes of them: "[1.0 1.1 2.0]" is a
// bundle of revisions 1 and 2, and "3.0" an event by itself.
class BundleBuilderTest : public testing::Test {
 protected:
  void Tell(Revision revision, int32_t events, size_t bytes = 1) {
    for (int32_t i = 0; i < events; ++i) {
      Note(builder_.Add(EventOf(revision, i, bytes)));
    }
  }
  void Commit(Revision revision, int32_t events, size_t bytes = 1) {
    Tell(revision, events, bytes);
    builder_.EndCommit();
  }
  void Note(const BundleBuilder::Ready& ready) {
    if (ready.bundle != nullptr) {
      size_t bytes = 0;
      std::string text;
      for (const auto& delivery : ready.bundle->deliveries) {
        bytes += delivery->ByteSize();
        text += (text.empty() ? "" : " ") + NameOf(*delivery);
      }
      EXPECT_EQ(ready.bundle->bytes, bytes);
      EXPECT_LE(ready.bundle->size(), BundleBuilder::kMaxEvents);
      EXPECT_LE(ready.bundle->bytes, BundleBuilder::kMaxBytes);
      made_.push_back("[" + text + "]");
      sizes_.push_back(ready.bundle->size());
    }
    for (const auto& delivery : ready.single) {
      made_.push_back(NameOf(*delivery));
      sizes_.push_back(1);
    }
  }
  static std::string NameOf(const Delivery& delivery) {
    return std::to_string(delivery.emission->revision) + "." +
           std::to_string(delivery.emission->index);
  }

  BundleBuilder builder_;
  std::vector<std::string> made_;
  std::vector<size_t> sizes_;
};

TEST_F(BundleBuilderTest, CommitsThatFitShareOne) {
  Commit(1, 2);
  Commit(2, 1);
  EXPECT_TRUE(made_.empty());
  Note(builder_.TakeAll());
  EXPECT_EQ(made_, (std::vector<std::string>{"[1.0 1.1 2.0]"}));
  Note(builder_.TakeAll());
  EXPECT_EQ(made_.size(), 1u);
}

TEST_F(BundleBuilderTest, ItEndsBetweenCommits) {
  Commit(1, 200);
  Commit(2, 100);
  Commit(3, 100);
  Commit(4, 57);
  Note(builder_.TakeAll());
  EXPECT_EQ(sizes_, (std::vector<size_t>{200, 200, 57}));
  EXPECT_EQ(made_[1].substr(0, 5), "[2.0 ");
  EXPECT_EQ(made_[2].substr(0, 5), "[4.0 ");
}

TEST_F(BundleBuilderTest, ACommitThatIsLargerComesEventByEvent) {
  Commit(1, 2);
  Commit(2, 257);
  Commit(3, 2);
  Note(builder_.TakeAll());
  ASSERT_EQ(made_.size(), 1u + 257 + 1);
  EXPECT_EQ(made_.front(), "[1.0 1.1]");
  EXPECT_EQ(made_[1], "2.0");
  EXPECT_EQ(made_[257], "2.256");
  EXPECT_EQ(made_.back(), "[3.0 3.1]");
}

TEST_F(BundleBuilderTest, SoDoesOneWithLargeValues) {
  Commit(1, 1);
  Commit(2, 1, 200'000);
  // Counted with what they are encoded to.
  Commit(3, 2, 25'000);
  Commit(4, 3, 25'000);
  Commit(5, 1);
  Note(builder_.TakeAll());
  EXPECT_EQ(made_, (std::vector<std::string>{"[1.0]", "2.0", "[3.0 3.1]",
                                             "4.0", "4.1", "4.2", "[5.0]"}));
}

TEST_F(BundleBuilderTest, TakenInsideACommitTheRestIsSingle) {
  Commit(1, 2);
  Tell(2, 2);
  Note(builder_.TakeAll());
  EXPECT_EQ(made_, (std::vector<std::string>{"[1.0 1.1]", "2.0", "2.1"}));
  Note(builder_.Add(EventOf(2, 2)));
  EXPECT_EQ(made_.back(), "2.2");
  builder_.EndCommit();
  Commit(3, 1);
  Note(builder_.TakeAll());
  EXPECT_EQ(made_.back(), "[3.0]");
  EXPECT_EQ(made_.size(), 5u);
}

}  // namespace
}  // namespace restate
