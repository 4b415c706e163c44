#ifndef RESTATE_ENGINE_COMMIT_SEQUENCER_BATCH_H_
#define RESTATE_ENGINE_COMMIT_SEQUENCER_BATCH_H_

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/backend/hybrid/hybrid_snapshot.h"
#include "engine/commit/commit_request.h"
#include "engine/commit/effect.h"
#include "engine/commit/leaf_cache.h"
#include "engine/commit/overlay.h"
#include "engine/commit/published_state.h"
#include "engine/commit/remembered_reads.h"
#include "engine/commit/sequencer.h"
#include "engine/derivation/derivation_state.h"
#include "engine/error/error.h"

namespace restate {

// What is answered to those who ask for the store while it is opened again.
inline absl::Status StoreReopening() {
  return MakeError(
      Reason::kMountUnavailable,
      "the store failed and is being opened again: try again shortly");
}

// A batch on its way. Lets go of everything that holds the store's snapshots
// before the store is opened again.
struct Sequencer::Batch {
  struct Answer {
    CommitCallback done;
    absl::StatusOr<CommitResult> result;
  };

  Batch(std::shared_ptr<const PublishedState> published,
        const LeafCache* leaves)
      : state(std::move(published)),
        overlay(std::in_place, &state->clients_tree(), leaves),
        derivations(state->derivations()) {}
  // The mounts at `slow` are not read, but recalled.
  Batch(std::shared_ptr<const PublishedState> published,
        const LeafCache* leaves, const std::vector<Path>& slow,
        const LastChanges* last_changes)
      : state(std::move(published)),
        recall(std::in_place, state->revision(), last_changes),
        recalled_tree(std::in_place, WithRecall(slow)),
        overlay(std::in_place, &*recalled_tree, leaves),
        derivations(state->derivations()) {}

  // The state before the batch, as far as the sequencer may read it.
  const Snapshot& tree() const {
    if (recalled_tree.has_value()) return *recalled_tree;
    return state->clients_tree();
  }
  std::vector<MountedSnapshot> WithRecall(const std::vector<Path>& slow) {
    std::vector<MountedSnapshot> mounts = state->mounts();
    for (MountedSnapshot& mount : mounts) {
      if (mount.snapshot.ok() &&
          std::find(slow.begin(), slow.end(), mount.at) != slow.end()) {
        mount.snapshot = recall->NewSnapshot(mount.at);
      }
    }
    return mounts;
  }

  // The state before the batch.
  std::shared_ptr<const PublishedState> state;
  // Only if there are slow mounts: what is known of them.
  std::optional<Recall> recall;
  std::optional<HybridSnapshot> recalled_tree;
  std::vector<std::shared_ptr<const RememberedReads>> reads;
  // None once the batch has failed.
  std::optional<Overlay> overlay;
  // What is derived, after the commits so far.
  DerivationState derivations;
  // In order; those of relaxed commits have gone out already.
  std::vector<Answer> answers;
  // Whether an answer to remember, of a commit without a revision, is to be as
  // durable as the commit store.
  bool has_durable_answer = false;
  // Whether a record is to be. That something was computed again need not: after a
  // crash it is computed once more.
  bool has_durable_records = false;
  // Those that have a revision. Shared with the history once it is complete.
  std::vector<SequencedCommit> sequenced;
  CommitGroup group;
  // All of the changes; filled when the batch is split.
  std::vector<Write> all_writes;
  // The same by mount.
  std::vector<std::vector<Write>> writes;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_SEQUENCER_BATCH_H_
