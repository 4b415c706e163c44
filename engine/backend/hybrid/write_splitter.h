#ifndef RESTATE_ENGINE_BACKEND_HYBRID_WRITE_SPLITTER_H_
#define RESTATE_ENGINE_BACKEND_HYBRID_WRITE_SPLITTER_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/backend/backend.h"
#include "engine/backend/hybrid/mount_table.h"

namespace restate {

// Takes the writes of one batch apart by mount; MountTable::Split says how.
//
// A part that reads the same before and after is left out, but only if nothing
// earlier in the batch wrote there: "before" is the state before the batch.
class WriteSplitter {
 public:
  // Both must outlive the splitter.
  WriteSplitter(const MountTable& table, const Snapshot& before_tree)
      : table_(table), before_tree_(before_tree), parts_(table.size()) {}

  absl::Status Add(const Write& write);
  // One list for each mount.
  std::vector<std::vector<Write>> Take() { return std::move(parts_); }

 private:
  // A kSubtree write, or a part of one: `path` becomes `value`.
  struct Part {
    Path path;
    Tree value;
    std::optional<Tree> before;
    Revision revision;
  };

  void AddPart(Part part, Write::Scope scope);
  // For a node with mounts strictly below it.
  absl::Status TakeApart(const Part& part);
  // `written_before`: the batch wrote at or below the path before this write.
  absl::Status WriteOwnValue(const Part& part, bool written_before);
  // The names of the children that `part` may have to change.
  absl::StatusOr<std::set<std::string>> ChildNames(const Part& part);
  // Adds the first segment below `path` of each key the batch wrote there.
  void AddNamesWritten(const Path& path, std::set<std::string>& names) const;
  bool WrittenInBatch(const Path& path) const;

  const MountTable& table_;
  const Snapshot& before_tree_;
  std::vector<std::vector<Write>> parts_;
  // The keys of all writes in parts_, with the mount point in front.
  std::set<std::string, std::less<>> written_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_HYBRID_WRITE_SPLITTER_H_
