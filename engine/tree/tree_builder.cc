#include <string>
#include <utility>

#include "engine/tree/tree.h"

namespace restate {

struct TreeBuilder::OpenNode {
  std::string name;
  Tree own;
  Value::Map::Builder children;
};

TreeBuilder::TreeBuilder() { open_.emplace_back(); }
TreeBuilder::~TreeBuilder() = default;

namespace {

// The canonical tree of a node from its parts.
Tree Assemble(Tree own, Value::Map children) {
  if (children.empty()) return own;
  if (own.has_value() && own->is_leaf()) {
    return Value::MakeMap(children.Set(kOwnValueKey, *std::move(own)));
  }
  return Value::MakeMap(std::move(children));
}

}  // namespace

void TreeBuilder::CloseLast() {
  OpenNode& last = open_.back();
  Tree node = Assemble(std::move(last.own), last.children.Finish());
  std::string name = std::move(last.name);
  open_.pop_back();
  if (node.has_value()) {
    open_.back().children.Append(std::move(name), *std::move(node));
  }
}

void TreeBuilder::Add(const Path& path, Value own) {
  // open_[0] is the root; open_[i] is the i-th segment.
  size_t shared = 0;
  SegmentIterator segment = path.segments().begin();
  while (shared + 1 < open_.size() && segment != SegmentIterator() &&
         open_[shared + 1].name == *segment) {
    ++shared;
    ++segment;
  }
  while (open_.size() > shared + 1) CloseLast();
  for (; segment != SegmentIterator(); ++segment) {
    open_.emplace_back().name = std::string(*segment);
  }
  open_.back().own = std::move(own);
}

Tree TreeBuilder::Finish() {
  while (open_.size() > 1) CloseLast();
  OpenNode& root = open_.front();
  Tree tree = Assemble(std::move(root.own), root.children.Finish());
  open_.clear();
  open_.emplace_back();
  return tree;
}

}  // namespace restate
