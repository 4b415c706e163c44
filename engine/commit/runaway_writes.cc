#include "engine/commit/runaway_writes.h"

#include <algorithm>
#include <variant>

namespace restate {
namespace {

// More than this many sources are not remembered, and commits with more
// operations are not looked at: there is nothing to win for these.
constexpr size_t kMaxSources = 64;
constexpr size_t kMaxOperations = 100;

const Path& PathOf(const Operation& operation) {
  return std::visit([](const auto& one) -> const Path& { return one.path; },
                    operation);
}

// Whether a write of one may change what the other reads as.
bool Touch(const Path& a, const Path& b) {
  return a.Contains(b) || b.Contains(a);
}

bool IsTouched(const Path& source, absl::Span<const Operation> operations) {
  return std::any_of(operations.begin(), operations.end(),
                     [&source](const Operation& operation) {
                       return Touch(source, PathOf(operation));
                     });
}

void AddOnce(const Path& path, std::vector<Path>* paths) {
  if (std::find(paths->begin(), paths->end(), path) != paths->end()) return;
  if (paths->size() == kMaxSources) paths->erase(paths->begin());
  paths->push_back(path);
}

}  // namespace

void RunawayWrites::Computed(absl::Span<const Operation> operations,
                             absl::Span<const Path> over,
                             const DerivationState& state) {
  if (operations.size() > kMaxOperations) return;
  if (over.empty()) {
    std::erase_if(sources_, [operations](const Path& source) {
      return IsTouched(source, operations);
    });
    return;
  }
  for (const Path& dest : over) {
    bool found = false;
    const Derivation* const derivation = state.Find(dest);
    if (derivation != nullptr) {
      for (const Path& source : derivation->progress->reads) {
        if (!IsTouched(source, operations)) continue;
        AddOnce(source, &sources_);
        found = true;
      }
    }
    // By way of other derivations.
    if (found) continue;
    for (const Operation& operation : operations) {
      AddOnce(PathOf(operation), &sources_);
    }
  }
}

bool RunawayWrites::Expects(absl::Span<const Operation> operations) const {
  return operations.size() <= kMaxOperations &&
         std::any_of(sources_.begin(), sources_.end(),
                     [operations](const Path& source) {
                       return IsTouched(source, operations);
                     });
}

}  // namespace restate
