#include "engine/backend/remote/storable.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"
#include "engine/value/value.h"

namespace restate {
namespace {

absl::Status NotStorable(const Path& path, const std::string& why) {
  return MakeError(Reason::kNotStorable,
                   absl::StrCat(path.ToText(), ": the store cannot hold this: ",
                                why),
                   {{"path", path.ToText()}});
}

const char* KindName(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kBool:
      return "bools";
    case Value::Kind::kInt:
      return "integers";
    case Value::Kind::kDouble:
      return "doubles";
    case Value::Kind::kString:
      return "strings";
    case Value::Kind::kBytes:
      return "bytes";
    case Value::Kind::kList:
      return "lists";
    case Value::Kind::kMap:
      return "empty maps";
  }
  return "";
}

// Levels of lists and maps.
size_t Nesting(const Value& value) {
  size_t deepest = 0;
  if (value.kind() == Value::Kind::kList) {
    for (const Value& item : value.as_list()) {
      deepest = std::max(deepest, Nesting(item));
    }
    return deepest + 1;
  }
  if (!value.is_map()) return 0;
  for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
    deepest = std::max(deepest, Nesting(it->value));
  }
  return deepest + 1;
}

// The first kind in it that is refused, or null.
const Value::Kind* RefusedKind(const Value& value, const StoreLimits& limits) {
  const auto found = std::find(limits.refused_kinds.begin(),
                               limits.refused_kinds.end(), value.kind());
  const bool whole = !value.is_map() || value.is_empty_map();
  if (whole && found != limits.refused_kinds.end()) return &*found;
  const Value::Kind* refused = nullptr;
  if (value.kind() == Value::Kind::kList) {
    for (const Value& item : value.as_list()) {
      if ((refused = RefusedKind(item, limits)) != nullptr) return refused;
    }
  } else if (value.is_map()) {
    for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
      if ((refused = RefusedKind(it->value, limits)) != nullptr) {
        return refused;
      }
    }
  }
  return refused;
}

absl::Status CheckOwnValue(const Path& path, const Value& own,
                           const StoreLimits& limits) {
  if (path.key().size() > limits.max_path_bytes) {
    return NotStorable(path, absl::StrCat("its path has ", path.key().size(),
                                          " bytes, of at most ",
                                          limits.max_path_bytes));
  }
  for (std::string_view segment : path.segments()) {
    if (segment.size() > limits.max_segment_bytes) {
      return NotStorable(path, absl::StrCat("a segment has ", segment.size(),
                                            " bytes, of at most ",
                                            limits.max_segment_bytes));
    }
  }
  if (limits.max_depth != SIZE_MAX) {
    const size_t nesting = own.is_empty_map() ? 0 : Nesting(own);
    if (path.depth() + nesting > limits.max_depth) {
      return NotStorable(path, absl::StrCat("path and value have ",
                                            path.depth() + nesting,
                                            " levels, of at most ",
                                            limits.max_depth));
    }
  }
  if (limits.max_value_bytes != SIZE_MAX &&
      own.LeafBytes(limits.max_value_bytes) > limits.max_value_bytes) {
    return NotStorable(path, absl::StrCat("a value may have at most ",
                                          limits.max_value_bytes, " bytes"));
  }
  if (limits.refused_kinds.empty()) return absl::OkStatus();
  if (const Value::Kind* kind = RefusedKind(own, limits)) {
    return NotStorable(path, absl::StrCat("it keeps no ", KindName(*kind)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckStorable(const Write& write, const StoreLimits& limits) {
  if (limits.read_only) {
    return NotStorable(write.path, "it is read-only");
  }
  absl::Status status;
  tree::ForEachOwnValue(write.value, [&](const Path& path, const Value& own) {
    status = CheckOwnValue(write.path.Join(path), own, limits);
    return status.ok();
  });
  return status;
}

}  // namespace restate
