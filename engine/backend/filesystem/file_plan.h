#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_FILE_PLAN_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_FILE_PLAN_H_

#include <map>
#include <vector>

#include "absl/types/span.h"
#include "engine/backend/backend.h"
#include "engine/backend/filesystem/file_set.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"

namespace restate {

// One own value that becomes another, or nothing.
struct OwnChange {
  Path path;
  Tree own;
};

// By the node of the file: what changes in it.
using FilePlan = std::map<Path, std::vector<OwnChange>>;

// Which files have to change, and how, so that the files read `after` in every
// place in which `before` and `after` differ. Places in which they do not are
// left as the files have them.
FilePlan PlanFiles(const FileSet& files, const Tree& before, const Tree& after);

// The content of the file of the node `file` after the changes.
Tree ChangedContent(const Tree& content, const Path& file,
                    const std::vector<OwnChange>& changes);

// Whether both have identical values in the same places.
bool SameTree(const Tree& a, const Tree& b);

// The tree after the writes, in order.
Tree AfterWrites(Tree tree, absl::Span<const Write> writes);

// The writes that lead from `before` to `after`, own value by own value.
std::vector<Write> WritesBetween(const Tree& before,
                                          const Tree& after);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_FILE_PLAN_H_
