#include "engine/backend/conformance/model.h"

#include <set>

namespace restate {

void Model::Insert(const Path& path, const Value& node) {
  if (!node.is_map() || node.is_empty_map()) {
    own_[path.key()] = node;
    return;
  }
  for (auto it = node.as_map().begin(); !it.at_end(); ++it) {
    if (it->key == "/") {
      own_[path.key()] = it->value;
    } else {
      Insert(path.Child(it->key), it->value);
    }
  }
}

void Model::ClearEmptyMapsAbove(const Path& path, std::vector<Write>* clears) {
  for (size_t depth = 0; depth < path.depth(); ++depth) {
    const Path above = path.Ancestor(depth);
    auto it = own_.find(above.key());
    if (it == own_.end() || !it->second.is_map()) continue;
    own_.erase(it);
    clears->push_back(
        Write{above, Write::Scope::kOwnValue, std::nullopt, 0, {}});
  }
}

void Model::Replace(const Path& path, const Tree& value,
                    std::vector<Write>* clears) {
  std::erase_if(own_, [&path](const auto& entry) {
    return entry.first.starts_with(path.key());
  });
  if (!value.has_value()) return;
  Insert(path, *value);
  ClearEmptyMapsAbove(path, clears);
}

void Model::ReplaceOwn(const Path& path, const Tree& own,
                       std::vector<Write>* clears) {
  own_.erase(path.key());
  if (!own.has_value()) return;
  if (own->is_map() && Probe(path).has_children) return;
  own_[path.key()] = *own;
  ClearEmptyMapsAbove(path, clears);
}

NodeProbe Model::Probe(const Path& path) const {
  NodeProbe probe;
  for (const auto& [key, own] : own_) {
    if (key == path.key()) {
      probe.own = own;
    } else if (key.starts_with(path.key())) {
      probe.has_children = true;
    }
  }
  return probe;
}

Tree Model::Read(const Path& path) const {
  bool truncated = false;
  return Read(path, 0, &truncated);
}

Tree Model::Read(const Path& path, size_t depth, bool* truncated) const {
  NodeProbe node = Probe(path);
  if (!node.has_children) return node.own;
  std::set<std::string> names;
  for (const auto& [key, own] : own_) {
    if (key.size() > path.key().size() && key.starts_with(path.key())) {
      const std::string below = key.substr(path.key().size());
      names.insert(below.substr(0, below.find('\0')));
    }
  }
  Value::Map children;
  if (node.own.has_value()) children = children.Set("/", *node.own);
  for (const std::string& name : names) {
    const Path child = path.Child(name);
    if (depth == 1 && Probe(child).has_children) {
      *truncated = true;
      children = children.Set(name, Value::EmptyMap());
      continue;
    }
    // At the limit the child has nothing below it, so that 0 is right for it.
    Tree value = Read(child, depth == 0 ? 0 : depth - 1, truncated);
    children = children.Set(name, *value);
  }
  return Value::MakeMap(std::move(children));
}

}  // namespace restate
