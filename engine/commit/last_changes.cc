#include "engine/commit/last_changes.h"

#include <algorithm>
#include <utility>

#include "engine/error/absl_view.h"

namespace restate {
namespace {

// What an entry of the hash map takes beside its key.
constexpr size_t kEntryBytes = 72;

// Calls `visit` with the key of every ancestor, the root first, and of the path
// itself.
template <typename Visit>
void ForEachPrefix(std::string_view key, Visit visit) {
  visit(key.substr(0, 0));
  for (size_t i = 0; i < key.size(); ++i) {
    if (key[i] == '\0') visit(key.substr(0, i + 1));
  }
}

}  // namespace

LastChanges::Marks& LastChanges::MarksOf(std::string_view key) {
  auto [it, inserted] = young_.try_emplace(AbslView(key));
  if (inserted) young_bytes_ += kEntryBytes + key.size();
  return it->second;
}

void LastChanges::TurnOver(Revision revision) {
  if (young_bytes_ <= max_bytes_ / 2) return;
  // What the old generation knew is gone, but for what came after the young one
  // began.
  old_ = std::exchange(young_, Generation());
  floor_ = young_since_;
  young_since_ = revision;
  young_bytes_ = 0;
}

void LastChanges::RecordOwnValue(const Path& path, Revision revision) {
  ForEachPrefix(path.key(), [&](std::string_view key) {
    Marks& marks = MarksOf(key);
    marks.at_or_below = revision;
    if (key.size() == path.key().size()) marks.own = revision;
  });
  TurnOver(revision);
}

void LastChanges::RecordSubtree(const Path& path, Revision revision) {
  ForEachPrefix(path.key(), [&](std::string_view key) {
    Marks& marks = MarksOf(key);
    marks.at_or_below = revision;
    if (key.size() == path.key().size()) marks.whole_subtree = revision;
  });
  TurnOver(revision);
}

Revision LastChanges::Search(const Generation& generation, const Path& path,
                             View view) {
  Revision last = 0;
  ForEachPrefix(path.key(), [&](std::string_view key) {
    auto it = generation.find(AbslView(key));
    if (it == generation.end()) return;
    last = std::max(last, it->second.whole_subtree);
    if (key.size() != path.key().size()) return;
    last = std::max(last, view == View::kOwnValue ? it->second.own
                                                  : it->second.at_or_below);
  });
  return last;
}

Revision LastChanges::LastChangeOf(const Path& path, View view) const {
  return std::max(Search(young_, path, view), Search(old_, path, view));
}

}  // namespace restate
