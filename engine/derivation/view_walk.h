#ifndef RESTATE_ENGINE_DERIVATION_VIEW_WALK_H_
#define RESTATE_ENGINE_DERIVATION_VIEW_WALK_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/derivation/derived_values.h"
#include "engine/derivation/view.h"
#include "engine/path/path.h"
#include "engine/value/value.h"

namespace restate {

// Walks what a path reads as in a view, own value by own value, for subtrees of
// any size: put together they are what ReadLayered gives (layered_read.h), or
// the node's own value for View::kOwnValue.
//
// Thread-compatible.
class ViewWalk {
 public:
  // `tree`, what clients wrote with `derived` laid over it (LayeredSnapshot),
  // must outlive the walk.
  ViewWalk(const Snapshot* tree, DerivedValues derived, Path path, View view);

  struct Entry {
    Path path;
    // A leaf, or {} for an empty map.
    Value value;
  };
  // The next one in path order, parents before children; nothing at the end.
  // UNAVAILABLE / MOUNT_UNAVAILABLE, DATA_LOSS / CORRUPT.
  absl::StatusOr<std::optional<Entry>> Next();

 private:
  // The own value of the path by itself.
  absl::StatusOr<std::optional<Entry>> NextOwnValue();
  // Whether the node has a child that belongs to whom it belongs to itself:
  // then it is no leaf, and what is derived below it shows.
  absl::StatusOr<bool> HasChildOfItsOwn(const Path& path);

  const Snapshot* const tree_;
  const DerivedValues derived_;
  const Path path_;
  const View view_;
  // Whom the path belongs to.
  const std::optional<Path> owner_;
  bool own_value_given_ = false;
  // Null until it is needed.
  std::unique_ptr<Cursor> cursor_;
  std::unique_ptr<Cursor> ahead_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_VIEW_WALK_H_
