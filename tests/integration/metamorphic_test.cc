// The same end state, written at the root, at the containers or at the leaves,
// in one transaction or in many, reads the same everywhere.

#include <cstdint>
#include <functional>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

constexpr int kTrees = 12;

// A node as a test thinks of it: maybe an own value, maybe children.
struct Node {
  std::optional<v1::Value> own;
  std::vector<std::pair<std::string, Node>> children;
};

class TreeMaker {
 public:
  explicit TreeMaker(uint64_t seed) : random_(seed) {}

  Node Make(int levels) {
    Node node;
    const int children = levels == 0 ? 0 : Below(4);
    for (int i = 0; i < children; ++i) {
      node.children.emplace_back("k" + std::to_string(i), Make(levels - 1));
    }
    if (children == 0 || Below(4) == 0) node.own = Leaf(children == 0);
    return node;
  }

 private:
  int Below(int n) {
    return std::uniform_int_distribution<>(0, n - 1)(random_);
  }

  v1::Value Leaf(bool alone) {
    v1::Value value;
    switch (Below(alone ? 6 : 5)) {
      case 0:
        value.set_null_value(google::protobuf::NULL_VALUE);
        break;
      case 1:
        value.set_int_value(Below(3));
        break;
      case 2:
        value.set_double_value(Below(3) + 0.5);
        break;
      case 3:
        value.set_bytes_value(std::string(Below(3), '\xff'));
        break;
      case 4:
        value.mutable_list_value()->add_values()->set_string_value("x");
        break;
      default:
        value.mutable_map_value();
    }
    return value;
  }

  std::mt19937_64 random_;
};

v1::Value ToValue(const Node& node) {
  if (node.children.empty()) return *node.own;
  v1::Value value;
  auto* fields = value.mutable_map_value()->mutable_fields();
  if (node.own.has_value()) (*fields)["/"] = *node.own;
  for (const auto& [name, child] : node.children) {
    (*fields)[name] = ToValue(child);
  }
  return value;
}

// Calls `visit` with every node below `path`, parents first.
void Walk(const std::string& path, const Node& node,
          const std::function<void(const std::string&, const Node&)>& visit) {
  visit(path, node);
  for (const auto& [name, child] : node.children) {
    Walk(path + "/" + name, child, visit);
  }
}

v1::SetOperation Set(const std::string& path, const v1::Value& value,
                     v1::WriteMode mode) {
  v1::SetOperation set;
  set.mutable_path()->set_text(path);
  *set.mutable_value() = value;
  set.set_mode(mode);
  return set;
}

std::vector<v1::SetOperation> LeafByLeaf(const Node& tree) {
  std::vector<v1::SetOperation> sets;
  Walk("/s", tree, [&](const std::string& path, const Node& node) {
    if (!node.own.has_value()) return;
    sets.push_back(Set(
        path, *node.own,
        node.own->has_map_value() ? v1::WRITE_MODE_SET : v1::WRITE_MODE_VALUE));
  });
  return sets;
}

class MetamorphicTest : public StorageTest {
 protected:
  // Everything that can be read of the state.
  std::string Reading() {
    v1::StreamStateRequest stream;
    stream.set_encoding(v1::VALUE_ENCODING_TYPED);
    v1::StreamStateResponse all = client().StreamState(stream).response;
    all.clear_revision();
    all.clear_epoch();
    std::string reading = ToJson(all) + "\n" + *client().Get("/") + "\n" +
                          client().Get("/s").value_or("absent");
    for (const auto& entry : all.entries()) {
      reading += "\n" + entry.path().text() + " " +
                 ToJson(*client().GetTyped(entry.path().text()));
    }
    return reading;
  }

  void Apply(const std::vector<v1::SetOperation>& sets) {
    for (const v1::SetOperation& set : sets) {
      v1::CommitRequest commit;
      *commit.add_operations()->mutable_set() = set;
      const auto reply = client().Commit(commit);
      ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
    }
  }

  void ApplyTogether(const std::vector<v1::SetOperation>& sets) {
    v1::CommitRequest commit;
    for (const v1::SetOperation& set : sets) {
      *commit.add_operations()->mutable_set() = set;
    }
    const auto reply = client().Commit(commit);
    ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
  }
};

TEST_P(MetamorphicTest, EveryWayToWriteATreeReadsTheSame) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;
  TreeMaker maker(seed);
  for (int i = 0; i < kTrees; ++i) {
    const Node tree = maker.Make(3);
    const Node other = maker.Make(3);
    SCOPED_TRACE("tree " + std::to_string(i) + " of seed " +
                 std::to_string(seed) + ": " + ToJson(ToValue(tree)));
    const std::vector<v1::SetOperation> leaves = LeafByLeaf(tree);

    auto start_over = [&] { client().Delete("/"); };

    start_over();
    v1::Value root;
    (*root.mutable_map_value()->mutable_fields())["s"] = ToValue(tree);
    client().SetTyped("/", root);
    const std::string expected = Reading();

    start_over();
    client().SetTyped("/s", ToValue(tree));
    EXPECT_EQ(Reading(), expected) << "at the container";

    start_over();
    Apply(leaves);
    EXPECT_EQ(Reading(), expected) << "leaf by leaf";

    start_over();
    ApplyTogether(leaves);
    EXPECT_EQ(Reading(), expected) << "leaf by leaf in one transaction";

    start_over();
    Apply({leaves.rbegin(), leaves.rend()});
    // {} is given up to children only, so going backwards gives the same.
    EXPECT_EQ(Reading(), expected) << "leaf by leaf, last first";

    start_over();
    client().SetTyped("/s", ToValue(other));
    client().SetTyped("/s", ToValue(tree));
    EXPECT_EQ(Reading(), expected) << "over another tree";

    start_over();
    client().SetTyped("/s", ToValue(other));
    v1::CommitRequest commit;
    commit.add_operations()->mutable_delete_()->mutable_path()->set_text("/s");
    for (const v1::SetOperation& set : leaves) {
      *commit.add_operations()->mutable_set() = set;
    }
    ASSERT_TRUE(client().Commit(commit).ok());
    EXPECT_EQ(Reading(), expected) << "over another tree, in one transaction";

    // What a path reads as can be written back and changes nothing.
    const v1::Value read = *client().GetTyped("/s");
    v1::SetStateRequest again;
    again.mutable_path()->set_text("/s");
    *again.mutable_value() = read;
    EXPECT_FALSE(client().SetState(again).response.changed());
  }
}

INSTANTIATE_OVER_STORAGES(MetamorphicTest);

}  // namespace
}  // namespace restate::test
