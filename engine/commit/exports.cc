#include "engine/commit/exports.h"

#include <string_view>
#include <variant>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/value/value.h"

namespace restate {
namespace {

// Whether a merge of `value` writes at `path` below where it is merged, or
// replaces what is above that.
bool MergeReaches(const Value& value, const Path& path) {
  Value at = value;
  for (std::string_view segment : path.segments()) {
    // A leaf takes the place of everything below; {} only of nothing.
    if (!at.is_map()) return true;
    const Value* child = at.as_map().Find(segment);
    if (child == nullptr) return false;
    at = *child;
  }
  return true;
}

bool Reaches(const SetOperation& set, const Path& exported) {
  if (exported.Contains(set.path)) return true;
  if (!set.path.Contains(exported)) return false;
  switch (set.mode) {
    case WriteMode::kSet:
    case WriteMode::kIfAbsent:
      return true;
    case WriteMode::kMerge:
      return MergeReaches(set.value, exported.RelativeTo(set.path));
    case WriteMode::kValue:
    case WriteMode::kAdd:
    case WriteMode::kAppend:
      return false;
  }
  return true;
}

bool Reaches(const DeleteOperation& operation, const Path& exported) {
  return exported.Contains(operation.path) ||
         operation.path.Contains(exported);
}

bool Reaches(const PingOperation&, const Path&) { return false; }

}  // namespace

absl::Status CheckExports(absl::Span<const Path> exports,
                          absl::Span<const Operation> operations) {
  for (const Path& exported : exports) {
    for (const Operation& operation : operations) {
      if (!std::visit(
              [&](const auto& one) { return Reaches(one, exported); },
              operation)) {
        continue;
      }
      return MakeError(
          Reason::kExported,
          absl::StrCat(exported.ToText(),
                       " is exported, and can only be written by the server "
                       "that has mounted it: write there"),
          {{"path", exported.ToText()}});
    }
  }
  return absl::OkStatus();
}

}  // namespace restate
