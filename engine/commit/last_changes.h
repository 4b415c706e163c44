#ifndef RESTATE_ENGINE_COMMIT_LAST_CHANGES_H_
#define RESTATE_ENGINE_COMMIT_LAST_CHANGES_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "engine/backend/backend.h"
#include "engine/commit/commit_request.h"
#include "engine/path/path.h"

namespace restate {

// From where a change can be seen. A change of what clients wrote, unless said
// otherwise, shows everywhere.
struct ChangeSight {
  // No reading of a path with fewer segments shows it: a leaf hides it.
  size_t seen_from = 0;
  // The destination's segments, if it is a derived write: a reading of a
  // shorter path shows it only with derived paths.
  size_t derived_from = 0;
};

// Which commit last changed what each path reads as: answers the precondition
// `unchanged_since` without a look at the disk.
//
// Bounded in bytes: marks are kept in a young and an old generation, and when
// the young one has half the bound the old one is dropped and the floor rises to
// where the remaining one begins. Below the floor nothing is known. After a
// start the floor is the revision started at.
//
// A mark on a path is reached by its key and by the key of each ancestor, so a
// change costs depth + 1 marks, and a question depth + 1 look-ups.
//
// Not thread-safe: the sequencer's own.
class LastChanges {
 public:
  LastChanges(size_t max_bytes, Revision floor)
      : max_bytes_(max_bytes), floor_(floor), young_since_(floor) {}

  // The own value of `path` changed. REQUIRES: revisions never decrease.
  void RecordOwnValue(const Path& path, Revision revision,
                      ChangeSight sight = {});
  // Anything at `path` and below may have changed.
  void RecordSubtree(const Path& path, Revision revision,
                     ChangeSight sight = {});

  // The last revision that changed what a read of `path` shows; 0 if none did
  // since floor().
  Revision LastChangeOf(const Path& path, View view) const;

  // Questions about what happened after an older revision cannot be answered.
  Revision floor() const { return floor_; }
  // About what the marks take.
  size_t bytes() const { return young_bytes_ + old_bytes_; }

 private:
  struct Marks {
    // The own value of this path changed.
    Revision own = 0;
    // Something at this path or below changed.
    Revision at_or_below = 0;
    // The same without what is derived strictly below this path.
    Revision without_derived = 0;
    // Everything at this path and below counts as changed.
    Revision whole_subtree = 0;
  };
  using Generation = absl::flat_hash_map<std::string, Marks>;

  Marks& MarksOf(std::string_view key);
  template <typename Mark>
  void Record(const Path& path, Revision revision, ChangeSight sight,
              Mark mark);
  void TurnOver(Revision revision);
  static Revision Search(const Generation& generation, const Path& path,
                         View view);

  const size_t max_bytes_;
  Revision floor_;
  Generation young_;
  size_t young_bytes_ = 0;
  // No mark in `young_` is at or before this.
  Revision young_since_;
  Generation old_;
  size_t old_bytes_ = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_LAST_CHANGES_H_
