#include "service/state/list_children.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/memory/memory_backend.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

// Each child as "name" with "=" if it has a value and "/" if it has children.
std::vector<std::string> Shown(const v1::ListChildrenResponse& response) {
  std::vector<std::string> shown;
  for (const auto& child : response.children()) {
    shown.push_back(child.name() + (child.has_value() ? "=" : "") +
                    (child.has_children() ? "/" : ""));
  }
  return shown;
}

class ListChildrenTest : public testing::Test {
 protected:
  // Adds an own value; in path order.
  void Add(const std::string& path, Value own) {
    builder_.Add(*Path::Parse(path), std::move(own));
  }
  // All pages; checks that each but the last is full.
  std::vector<std::string> List(const std::string& path, size_t page_size) {
    if (snapshot_ == nullptr) snapshot_ = MakeTreeSnapshot(builder_.Finish());
    std::vector<std::string> all;
    std::string after;
    do {
      v1::ListChildrenResponse response;
      absl::StatusOr<std::string> last =
          ListChildrenPage(*snapshot_, *Path::Parse(path), after, page_size,
                           max_bytes_, &response);
      EXPECT_TRUE(last.ok()) << last.status();
      after = *last;
      const std::vector<std::string> shown = Shown(response);
      if (!after.empty() && max_bytes_ == SIZE_MAX) {
        EXPECT_EQ(shown.size(), page_size);
      }
      all.insert(all.end(), shown.begin(), shown.end());
      ++pages_;
    } while (!after.empty());
    return all;
  }

  TreeBuilder builder_;
  std::shared_ptr<const Snapshot> snapshot_;
  size_t max_bytes_ = SIZE_MAX;
  int pages_ = 0;
};

TEST_F(ListChildrenTest, TellsValuesAndChildrenApart) {
  Add("/", Value::Int(0));
  Add("/both", Value::Int(1));
  Add("/both/x", Value::Int(2));
  Add("/empty", Value::EmptyMap());
  Add("/leaf", Value::Null());
  Add("/map/x/y", Value::Int(3));
  Add("/map/x/z", Value::Int(4));
  Add("/map2", Value::Int(5));
  for (size_t page_size : {1, 2, 3, 4, 5, 6}) {
    EXPECT_EQ(List("/", page_size),
              (std::vector<std::string>{"both=/", "empty=", "leaf=", "map/",
                                        "map2="}))
        << page_size;
  }
  EXPECT_EQ(List("/both", 10), std::vector<std::string>{"x="});
  EXPECT_EQ(List("/map", 10), std::vector<std::string>{"x/"});
  EXPECT_EQ(List("/map/x", 10), (std::vector<std::string>{"y=", "z="}));
}

TEST_F(ListChildrenTest, NothingBelow) {
  Add("/a", Value::Int(1));
  Add("/b", Value::EmptyMap());
  EXPECT_EQ(List("/a", 10), std::vector<std::string>{});
  EXPECT_EQ(List("/b", 10), std::vector<std::string>{});
  EXPECT_EQ(List("/nothing", 10), std::vector<std::string>{});
  EXPECT_EQ(List("/0", 10), std::vector<std::string>{});
}

TEST_F(ListChildrenTest, AnEmptyTree) {
  EXPECT_EQ(List("/", 10), std::vector<std::string>{});
}

TEST_F(ListChildrenTest, NoExtraPageWhenTheLastIsFull) {
  for (const char* path : {"/a", "/b", "/c", "/d"}) Add(path, Value::Int(1));
  EXPECT_EQ(List("/", 2).size(), 4u);
  EXPECT_EQ(pages_, 2);
}

TEST_F(ListChildrenTest, APageEndsAtItsBytesButHasAtLeastOne) {
  for (const char* path : {"/a", "/b", "/c"}) Add(path, Value::Int(1));
  max_bytes_ = 1;
  EXPECT_EQ(List("/", 10), (std::vector<std::string>{"a=", "b=", "c="}));
  EXPECT_EQ(pages_, 3);
}

TEST_F(ListChildrenTest, GivesNamesAsTheyAreAndPathsAsText) {
  Add("/a~1b/c d", Value::Int(1));
  v1::ListChildrenResponse response;
  snapshot_ = MakeTreeSnapshot(builder_.Finish());
  ASSERT_TRUE(
      ListChildrenPage(*snapshot_, Path(), "", 10, SIZE_MAX, &response).ok());
  EXPECT_EQ(response.children(0).name(), "a/b");
  EXPECT_EQ(response.children(0).path().text(), "/a~1b");
}

}  // namespace
}  // namespace restate
