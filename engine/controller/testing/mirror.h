#ifndef RESTATE_ENGINE_CONTROLLER_TESTING_MIRROR_H_
#define RESTATE_ENGINE_CONTROLLER_TESTING_MIRROR_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/path/path.h"
#include "engine/path/pattern.h"
#include "engine/subscription/event_stream.h"
#include "engine/tree/tree.h"

namespace restate {

// Whatever is derived is below a segment of this name, and nothing else is.
inline constexpr std::string_view kDerivedName = "der";

inline bool IsDerivedPath(const Path& path) {
  for (std::string_view segment : path.segments()) {
    if (segment == kDerivedName) return true;
  }
  return false;
}

inline bool HoldsDerived(const Value& value) {
  if (!value.is_map()) return false;
  const Value::Map all = value.as_map();
  for (auto it = all.begin(); !it.at_end(); ++it) {
    if (it->key == kDerivedName || HoldsDerived(it->value)) return true;
  }
  return false;
}

// Without what is derived: events of clients leave that out. {} is nothing.
inline Tree WithoutDerived(const Tree& tree) {
  if (!tree.has_value() || !tree->is_map()) return tree;
  if (tree->as_map().size() > 0 && !HoldsDerived(*tree)) return tree;
  Value::Map kept;
  const Value::Map all = tree->as_map();
  for (auto it = all.begin(); !it.at_end(); ++it) {
    if (it->key == kDerivedName) continue;
    if (Tree child = WithoutDerived(it->value); child.has_value()) {
      kept = kept.Set(it->key, *std::move(child));
    }
  }
  if (kept.size() == 0) return std::nullopt;
  if (const Value* own = kept.Find(std::string(kOwnValueKey));
      own != nullptr && kept.size() == 1) {
    return *own;
  }
  return Value::MakeMap(kept);
}

// All that there was to read at one revision.
struct TreeAt {
  Tree clients;
  // What is derived, by destination.
  std::map<Path, Tree> derived;

  Tree Read(const Path& path) const {
    if (IsDerivedPath(path)) {
      auto found = derived.find(path);
      return found == derived.end() ? Tree() : found->second;
    }
    return tree::Get(clients, path);
  }
  // The paths that exist, and those above them.
  std::vector<Path> Paths() const {
    std::vector<Path> paths = {Path()};
    Collect(Path(), clients, &paths);
    for (const auto& [dest, value] : derived) {
      if (value.has_value()) paths.push_back(dest);
    }
    return paths;
  }

 private:
  static void Collect(const Path& at, const Tree& node,
                      std::vector<Path>* paths) {
    if (!node.has_value() || !node->is_map()) return;
    const Value::Map children = node->as_map();
    for (auto it = children.begin(); !it.at_end(); ++it) {
      if (it->key == kOwnValueKey) continue;
      const Path child = at.Child(it->key);
      paths->push_back(child);
      Collect(child, it->value, paths);
    }
  }
};

// What a subscriber makes of what it is told and of nothing else: the value of
// each match, by current path.
class Mirror {
 public:
  explicit Mirror(std::vector<PathPattern> patterns)
      : patterns_(std::move(patterns)) {}

  // Empty, or what is wrong with the batch.
  std::string Told(const EventBatch& batch) {
    if (batch.reset.has_value()) {
      if (!batch.gap.has_value()) return "a reset without a gap";
      const Path& path = batch.reset->path;
      if (batch.gap->path != path) return "a gap of another path";
      in_reset_ = *batch.reset;
      std::erase_if(values_, [&](const auto& value) {
        return path.StrictlyContains(value.first);
      });
    }
    for (const Event& event : batch.AllEvents()) {
      const bool initial = event.emission().kind == EventKind::kInitial;
      if (in_reset_.has_value()) {
        if (!initial) return "a live event inside a reset";
        if (event.emission().revision != in_reset_->revision) {
          return "an INITIAL event of another revision";
        }
        if (!in_reset_->path.StrictlyContains(event.current_path()) &&
            !in_reset_->path.is_root()) {
          return "an INITIAL event outside of the reset";
        }
      } else if (!initial && IsFloored(event)) {
        return "told twice";
      }
      Apply(event);
    }
    if (batch.reset_done.has_value()) {
      if (!in_reset_.has_value() || in_reset_->path != *batch.reset_done) {
        return "the end of no reset";
      }
      floors_.emplace_back(in_reset_->path, in_reset_->revision);
      in_reset_.reset();
    }
    if (in_reset_.has_value() && batch.revision != 0) {
      return "a revision inside a reset";
    }
    return "";
  }
  // Taken up again from the last token: a reset that was cut comes once more.
  void Cut() { in_reset_.reset(); }

  // Where it differs from what there was to read at `revision`.
  std::string Differs(const TreeAt& tree, Revision revision) const {
    std::map<Path, Tree> expected;
    for (const Path& path : tree.Paths()) {
      if (Matches(path)) expected[path] = Seen(path, tree.Read(path));
    }
    for (const auto& [path, value] : values_) expected.try_emplace(path);
    for (const auto& [path, value] : expected) {
      // It is ahead there.
      bool ahead = false;
      for (const auto& [place, as_of] : floors_) {
        ahead |= as_of > revision && place.StrictlyContains(path);
      }
      if (ahead) continue;
      auto mine = values_.find(path);
      if (mine != values_.end() && mine->second.unknown) continue;
      const Tree known =
          mine == values_.end() ? Tree() : Seen(path, mine->second.value);
      if (known == value) continue;
      return absl::StrCat(path.ToText(), " at ", revision, ": mirror has ",
                          known ? known->DebugString().substr(0, 300) : "-",
                          ", the tree ",
                          value ? value->DebugString().substr(0, 300) : "-");
    }
    return "";
  }

 private:
  struct Known {
    Tree value;
    // Too large to be told: to be read.
    bool unknown = false;
  };

  bool Matches(const Path& path) const {
    for (const PathPattern& pattern : patterns_) {
      if (pattern.Matches(path)) return true;
    }
    return false;
  }
  static Tree Seen(const Path& path, const Tree& value) {
    return IsDerivedPath(path) ? value : WithoutDerived(value);
  }
  bool IsFloored(const Event& event) const {
    // The last of a place counts.
    for (auto floor = floors_.rbegin(); floor != floors_.rend(); ++floor) {
      if (!floor->first.StrictlyContains(event.current_path())) continue;
      return event.emission().revision <= floor->second;
    }
    return false;
  }
  void Apply(const Event& event) {
    const Emission& emission = event.emission();
    const Path& place = event.current_path();
    Known& known = values_[place];
    if (emission.emitting_path == place) {
      known.value = emission.new_value;
      known.unknown = emission.new_omitted;
    } else if (emission.new_omitted) {
      known.unknown = true;
    } else if (!known.unknown) {
      known.value = tree::Replace(known.value,
                                  emission.emitting_path.RelativeTo(place),
                                  emission.new_value);
    }
    if (!known.unknown && !known.value.has_value()) values_.erase(place);
  }

  std::vector<PathPattern> patterns_;
  std::map<Path, Known> values_;
  std::optional<EventReset> in_reset_;
  std::vector<std::pair<Path, Revision>> floors_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_CONTROLLER_TESTING_MIRROR_H_
