#ifndef RESTATE_ENGINE_DERIVATION_SOURCE_INDEX_H_
#define RESTATE_ENGINE_DERIVATION_SOURCE_INDEX_H_

#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "engine/path/path.h"
#include "engine/value/persistent_map.h"

namespace restate {

// Who reads what: from paths to the destinations derived from them. A change is
// shown to its readers at a cost that does not grow with the number of others.
//
// A value type with structural sharing.
class SourceIndex {
 public:
  using Visit = absl::FunctionRef<void(const Path& source, const Path& dest)>;

  void Add(const Path& source, const Path& dest) {
    pairs_ = pairs_.Set(KeyOf(source, dest), true);
  }
  void Remove(const Path& source, const Path& dest) {
    pairs_ = pairs_.Erase(KeyOf(source, dest));
  }

  // Calls `visit` with those who read `path` or an ancestor of it.
  void ForEachAtAndAbove(const Path& path, Visit visit) const {
    if (pairs_.empty()) return;
    VisitAt(path.key().substr(0, 0), visit);
    for (size_t i = 0; i < path.key().size(); ++i) {
      if (path.key()[i] == '\0') VisitAt(path.key().substr(0, i + 1), visit);
    }
  }
  // Those who read what is strictly below `path`.
  void ForEachBelow(const Path& path, Visit visit) const {
    if (pairs_.empty()) return;
    VisitRange(path.key() + '\x01', path.key(), visit);
  }

 private:
  // The source's key, a NUL, the destination's key. No segment is empty, so the
  // pairs of one source come before those of sources below it, and what comes
  // first with two NULs in a row ends the source.
  static std::string KeyOf(const Path& source, const Path& dest) {
    return source.key() + '\0' + dest.key();
  }
  void VisitAt(const std::string& source, Visit visit) const {
    const std::string prefix = source + '\0';
    VisitRange(prefix, prefix, visit);
  }
  void VisitRange(const std::string& from, const std::string& prefix,
                  Visit visit) const {
    for (auto it = pairs_.LowerBound(from);
         !it.at_end() && it->key.starts_with(prefix); ++it) {
      auto [source, dest] = Split(it->key);
      visit(source, dest);
    }
  }
  static std::pair<Path, Path> Split(const std::string& key) {
    size_t end = 0;
    // A source is empty or ends in the first of two NULs.
    if (key.front() != '\0') end = key.find(std::string("\0\0", 2)) + 1;
    return {Path::FromKey(key.substr(0, end)),
            Path::FromKey(key.substr(end + 1))};
  }

  PersistentMap<bool> pairs_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_SOURCE_INDEX_H_
