#include "engine/derivation/derived_values.h"

#include <utility>

namespace restate {
namespace {

// `node` without what is at the end of the segments.
Value Without(const Value& node, SegmentIterator segment) {
  const std::string_view name = *segment;
  const Value* child = tree::Child(node, name);
  if (child == nullptr) return node;
  ++segment;
  Value::Map map;
  if (segment == SegmentIterator()) {
    map = node.as_map().Erase(name);
  } else {
    map = node.as_map().Set(name, Without(*child, segment));
  }
  if (map.size() == 1 && map.begin()->key == kOwnValueKey) {
    return map.begin()->value;
  }
  return Value::MakeMap(std::move(map));
}

}  // namespace

std::optional<Path> DerivedValues::OwnerOf(const Path& path) const {
  if (destinations_.empty()) return std::nullopt;
  std::string_view key = path.key();
  while (!key.empty()) {
    if (destinations_.Find(key) != nullptr) {
      return Path::FromKey(std::string(key));
    }
    // Up to the end of the segment before the last.
    key.remove_suffix(1);
    const size_t end = key.rfind('\0');
    key = end == std::string_view::npos ? key.substr(0, 0)
                                        : key.substr(0, end + 1);
  }
  return std::nullopt;
}

bool DerivedValues::HasBelow(const Path& path) const {
  bool any = false;
  ForEachBelow(path, [&](const Path&, const Destination&) {
    any = true;
    return false;
  });
  return any;
}

void DerivedValues::ForEachBelow(
    const Path& path,
    absl::FunctionRef<bool(const Path&, const Destination&)> visit) const {
  if (destinations_.empty()) return;
  for (auto it = destinations_.LowerBound(path.key() + '\x01');
       !it.at_end() && it->key.starts_with(path.key()); ++it) {
    if (!visit(Path::FromKey(it->key), it->value)) return;
  }
}

void DerivedValues::Add(const Path& dest, uint64_t id) {
  destinations_ =
      destinations_.Set(dest.key(), Destination{id, std::nullopt});
}

void DerivedValues::Remove(const Path& dest) {
  destinations_ = destinations_.Erase(dest.key());
}

void DerivedValues::SetValue(const Path& dest, Tree value) {
  const uint64_t id = destinations_.Find(dest.key())->id;
  destinations_ =
      destinations_.Set(dest.key(), Destination{id, std::move(value)});
}

Value DerivedValues::WithoutDerivedKeys(const Path& path,
                                        const Value& value) const {
  Value kept = value;
  if (!value.is_map()) return kept;
  ForEachBelow(path, [&](const Path& dest, const Destination&) {
    kept = Without(kept, dest.RelativeTo(path).segments().begin());
    return true;
  });
  return kept;
}

}  // namespace restate
