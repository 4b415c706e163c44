#include "engine/subscription/subtree_reset.h"

#include "engine/commit/commit_view.h"

namespace restate {
namespace {

// What one takes beside its path and its view.
constexpr size_t kResetBytes = 128;

}  // namespace

std::shared_ptr<const SubtreeReset> ResetOf(const SequencedCommit& commit,
                                            const Effect& effect) {
  auto reset = std::make_shared<SubtreeReset>();
  reset->revision = commit.revision;
  reset->index = effect.index;
  reset->path = effect.path;
  reset->bytes = kResetBytes + effect.path.key().size();
  if (effect.keeps_below) {
    reset->view = ViewAfter(effect);
    reset->bytes += BytesOfViewAfter(effect);
  }
  return reset;
}

std::shared_ptr<const SubtreeReset> WithoutView(const SubtreeReset& reset) {
  auto bare = std::make_shared<SubtreeReset>(reset);
  bare->view = nullptr;
  bare->bytes = kResetBytes + reset.path.key().size();
  return bare;
}

}  // namespace restate
