#ifndef RESTATE_ENGINE_DERIVATION_DERIVED_VALUES_H_
#define RESTATE_ENGINE_DERIVATION_DERIVED_VALUES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"
#include "engine/value/persistent_map.h"

namespace restate {

// The derived layer of the tree: which paths are destinations, and what each
// holds. It lies over what clients wrote and is apart from it
// (docs/decisions/0020-derived-values.md).
//
// A value type with structural sharing: a copy costs a reference count, and is
// how a commit that fails is undone. Safe to read from many threads.
class DerivedValues {
 public:
  struct Destination {
    // Where a store keeps the value; never given twice.
    uint64_t id = 0;
    // What was derived; without nested destinations.
    Tree value;
  };

  bool empty() const { return destinations_.empty(); }
  size_t size() const { return destinations_.size(); }

  // The destination at `dest`, or null.
  const Destination* Find(const Path& dest) const {
    return destinations_.Find(dest.key());
  }
  // The innermost destination at or above `path`: that which it belongs to.
  // Nothing if the path is the clients'.
  std::optional<Path> OwnerOf(const Path& path) const;
  // Whether any destination is strictly below `path`.
  bool HasBelow(const Path& path) const;
  // Calls `visit` with each destination strictly below `path`, in path order,
  // until it returns false.
  void ForEachBelow(
      const Path& path,
      absl::FunctionRef<bool(const Path& dest, const Destination& destination)>
          visit) const;

  // Makes `dest` a destination that holds nothing. REQUIRES: it is none.
  void Add(const Path& dest, uint64_t id);
  void Remove(const Path& dest);
  // REQUIRES: `dest` is a destination.
  void SetValue(const Path& dest, Tree value);

  // `value`, about to be written at `path`, without what belongs to
  // destinations strictly below: maps that lose their last key stay, as {}.
  Value WithoutDerivedKeys(const Path& path, const Value& value) const;

  // Calls visit(key of the destination, before, after) where two versions
  // differ, in path order; null where it is no destination.
  template <typename Visit>
  static void Diff(const DerivedValues& before, const DerivedValues& after,
                   Visit visit) {
    PersistentMap<Destination>::Diff(before.destinations_,
                                     after.destinations_, visit);
  }

 private:
  // By the destination's key.
  PersistentMap<Destination> destinations_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_DERIVED_VALUES_H_
