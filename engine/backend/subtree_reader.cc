#include "engine/backend/subtree_reader.h"

#include <string>
#include <string_view>
#include <utility>

#include "engine/tree/tree.h"

namespace restate {
namespace {

bool AtOrBelow(const Cursor& cursor, std::string_view key) {
  return cursor.Valid() && cursor.key().starts_with(key);
}

// A read that has come this far looks whether it is worth going on.
constexpr size_t kCountAheadAt = 256;

// Whether there are more than `most` own values from the cursor on, which stays
// where it is unless there are.
bool MoreThan(size_t most, std::string_view key, Cursor& cursor) {
  const std::string from(cursor.key());
  for (size_t count = 0; AtOrBelow(cursor, key); cursor.Next()) {
    if (++count > most) return true;
  }
  cursor.Seek(from);
  return false;
}

// The size of the first `levels` segments of `key`, or npos if it has fewer.
size_t PrefixSize(std::string_view key, size_t levels) {
  size_t size = 0;
  for (; levels > 0; --levels) {
    size = key.find('\0', size);
    if (size == std::string_view::npos) return size;
    ++size;
  }
  return size;
}

}  // namespace

bool WithinLimits(const Tree& tree, const ReadLimits& limits) {
  if (!tree.has_value()) return true;
  if (limits.max_bytes != SIZE_MAX &&
      tree->ByteSize(limits.max_bytes) > limits.max_bytes) {
    return false;
  }
  return limits.max_own_values == SIZE_MAX ||
         tree::CountOwnValues(tree, limits.max_own_values + 1) <=
             limits.max_own_values;
}

absl::StatusOr<NodeProbe> ProbeNode(Cursor& cursor, const Path& path) {
  NodeProbe probe;
  cursor.Seek(path.key());
  if (cursor.Valid() && cursor.key() == path.key()) {
    absl::StatusOr<Value> own = cursor.value();
    if (!own.ok()) return std::move(own).status();
    probe.own = *std::move(own);
    cursor.Next();
  }
  if (!cursor.status().ok()) return cursor.status();
  probe.has_children = AtOrBelow(cursor, path.key());
  if (probe.has_children && probe.own.has_value() && probe.own->is_map()) {
    probe.own.reset();
  }
  return probe;
}

absl::StatusOr<ReadResult> ReadSubtree(Cursor& cursor, const Path& path,
                                       const ReadLimits& limits) {
  ReadResult result;
  TreeBuilder builder;
  // What was added so far takes at least this much.
  size_t bytes = 0;
  size_t own_values = 0;
  const size_t base = path.key().size();
  std::string key;

  cursor.Seek(path.key());
  while (AtOrBelow(cursor, path.key())) {
    key.assign(cursor.key());
    const size_t cut = limits.depth == 0
                           ? std::string_view::npos
                           : PrefixSize(std::string_view(key).substr(base),
                                        limits.depth);
    const bool at_limit = cut != std::string_view::npos;
    Value own = Value::EmptyMap();
    bool has_children = at_limit && base + cut < key.size();
    if (has_children) {
      key.resize(base + cut);
    } else {
      absl::StatusOr<Value> value = cursor.value();
      if (!value.ok()) return std::move(value).status();
      own = *std::move(value);
      cursor.Next();
      has_children = AtOrBelow(cursor, key);
      if (!has_children && key.size() == base && cursor.status().ok()) {
        // A leaf, which most reads are of.
        result.tree = std::move(own);
        result.over_limit = !WithinLimits(result.tree, limits);
        return result;
      }
    }
    Path node = Path::FromKey(key);
    if (has_children && at_limit) {
      own = Value::EmptyMap();
      result.truncated = true;
      cursor.Seek(node.SubtreeEnd());
    } else if (has_children && own.is_map()) {
      continue;
    }
    ++own_values;
    if (limits.max_bytes != SIZE_MAX) bytes += own.ByteSize(limits.max_bytes);
    builder.Add(node.RelativeTo(path), std::move(own));
    if (bytes > limits.max_bytes || own_values > limits.max_own_values) {
      result.over_limit = true;
      break;
    }
    // To make a tree of what is too much takes many times as long as to count.
    if (own_values == kCountAheadAt && limits.depth == 0 &&
        limits.max_own_values != SIZE_MAX && cursor.quick_without_values() &&
        AtOrBelow(cursor, path.key()) &&
        MoreThan(limits.max_own_values - own_values, path.key(), cursor)) {
      result.over_limit = true;
      break;
    }
  }
  if (!result.over_limit && !cursor.status().ok()) return cursor.status();
  result.tree = builder.Finish();
  // The running count knows nothing of the names and of the maps themselves.
  if (!result.over_limit && !WithinLimits(result.tree, limits)) {
    result.over_limit = true;
  }
  return result;
}

}  // namespace restate
