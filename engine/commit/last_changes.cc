#include "engine/commit/last_changes.h"

#include <algorithm>
#include <utility>

#include "engine/error/absl_view.h"

namespace restate {
namespace {

// What an entry of the hash map takes beside its key.
constexpr size_t kEntryBytes = 80;

// Calls `visit` with the key of every ancestor, the root first, and of the path
// itself, and with how many segments it has.
template <typename Visit>
void ForEachPrefix(std::string_view key, Visit visit) {
  size_t depth = 0;
  visit(key.substr(0, 0), depth);
  for (size_t i = 0; i < key.size(); ++i) {
    if (key[i] == '\0') visit(key.substr(0, i + 1), ++depth);
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
  old_bytes_ = std::exchange(young_bytes_, 0);
}

template <typename Mark>
void LastChanges::Record(const Path& path, Revision revision,
                         ChangeSight sight, Mark mark) {
  ForEachPrefix(path.key(), [&](std::string_view key, size_t depth) {
    if (depth < sight.seen_from) return;
    Marks& marks = MarksOf(key);
    marks.at_or_below = revision;
    if (depth >= sight.derived_from) marks.without_derived = revision;
    if (key.size() == path.key().size()) mark(marks);
  });
  TurnOver(revision);
}

void LastChanges::RecordOwnValue(const Path& path, Revision revision,
                                 ChangeSight sight) {
  Record(path, revision, sight, [&](Marks& marks) { marks.own = revision; });
}

void LastChanges::RecordSubtree(const Path& path, Revision revision,
                                ChangeSight sight) {
  Record(path, revision, sight,
         [&](Marks& marks) { marks.whole_subtree = revision; });
}

Revision LastChanges::Search(const Generation& generation, const Path& path,
                             View view) {
  Revision last = 0;
  ForEachPrefix(path.key(), [&](std::string_view key, size_t) {
    auto it = generation.find(AbslView(key));
    if (it == generation.end()) return;
    const Marks& marks = it->second;
    last = std::max(last, marks.whole_subtree);
    if (key.size() != path.key().size()) return;
    switch (view) {
      case View::kAll:
        last = std::max(last, marks.at_or_below);
        break;
      case View::kWithoutDerived:
        last = std::max(last, marks.without_derived);
        break;
      case View::kOwnValue:
        last = std::max(last, marks.own);
        break;
    }
  });
  return last;
}

Revision LastChanges::LastChangeOf(const Path& path, View view) const {
  return std::max(Search(young_, path, view), Search(old_, path, view));
}

}  // namespace restate
