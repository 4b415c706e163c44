#ifndef RESTATE_ENGINE_TRACKING_DEPENDENCY_INDEX_H_
#define RESTATE_ENGINE_TRACKING_DEPENDENCY_INDEX_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/functional/function_ref.h"
#include "engine/commit/commit_request.h"
#include "engine/path/path.h"

namespace restate {

struct Tracker;

// What a run was shown of a path: what it reads as in a view, or which children
// it has.
enum class Shown { kAll, kWithoutDerived, kOwnValue, kChildren };

inline Shown ShownIn(View view) {
  switch (view) {
    case View::kAll:
      return Shown::kAll;
    case View::kWithoutDerived:
      return Shown::kWithoutDerived;
    case View::kOwnValue:
      return Shown::kOwnValue;
  }
  return Shown::kAll;
}
// The view whose changes are all that can change what was shown, but for derived
// children that a leaf hides.
inline View ViewOf(Shown shown) {
  switch (shown) {
    case Shown::kWithoutDerived:
      return View::kWithoutDerived;
    case Shown::kOwnValue:
      return View::kOwnValue;
    case Shown::kAll:
    case Shown::kChildren:
      return View::kAll;
  }
  return View::kAll;
}

// Somebody's interest in what a path shows.
struct Dependency {
  Tracker* tracker = nullptr;
  Shown shown = Shown::kAll;
  bool operator==(const Dependency&) const = default;
};

// Who has read which path: finds those that a change at a path may concern, at a
// cost that does not grow with the others.
//
// Not thread-safe.
class DependencyIndex {
 public:
  using Visit = absl::FunctionRef<void(const Path& path, const Dependency&)>;

  void Add(const Path& path, const Dependency& dependency) {
    by_path_[path.key()].push_back(dependency);
    ++size_;
  }
  // REQUIRES: it was added.
  void Remove(const Path& path, const Dependency& dependency) {
    auto it = by_path_.find(path.key());
    std::vector<Dependency>& readers = it->second;
    readers.erase(std::find(readers.begin(), readers.end(), dependency));
    if (readers.empty()) by_path_.erase(it);
    --size_;
  }
  size_t size() const { return size_; }

  // Those who have read `path` or an ancestor of it.
  void ForEachAtAndAbove(const Path& path, Visit visit) const {
    VisitAt(std::string_view(), visit);
    const std::string_view key = path.key();
    for (size_t i = 0; i < key.size(); ++i) {
      if (key[i] == '\0') VisitAt(key.substr(0, i + 1), visit);
    }
  }
  // Those who have read what is strictly below `path`.
  void ForEachBelow(const Path& path, Visit visit) const {
    for (auto it = by_path_.upper_bound(path.key());
         it != by_path_.end() && it->first.starts_with(path.key()); ++it) {
      VisitAll(it->first, it->second, visit);
    }
  }

 private:
  void VisitAt(std::string_view key, Visit visit) const {
    auto it = by_path_.find(std::string(key));
    if (it != by_path_.end()) VisitAll(it->first, it->second, visit);
  }
  static void VisitAll(const std::string& key,
                       const std::vector<Dependency>& readers, Visit visit) {
    const Path path = Path::FromKey(key);
    for (const Dependency& dependency : readers) visit(path, dependency);
  }

  // By the key of the path: a subtree is a range.
  absl::btree_map<std::string, std::vector<Dependency>> by_path_;
  size_t size_ = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_TRACKING_DEPENDENCY_INDEX_H_
