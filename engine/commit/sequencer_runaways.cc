// How a sequencer keeps writes that run a derivation away from holding everybody
// else up.
#include <utility>
#include <vector>

#include "engine/commit/sequencer.h"

namespace restate {

void Sequencer::SetRunawaysAside(std::vector<QueuedCommit>* commits) {
  if (runaways_.empty()) return;
  // All of one batch are answered together, so that a single one would keep
  // everybody else waiting; of several, each the others too.
  std::erase_if(*commits, [this](QueuedCommit& commit) {
    if (!commit.request.may_be_set_aside ||
        !runaways_.Expects(commit.request.operations)) {
      return false;
    }
    queue_.SetAside(std::move(commit));
    return true;
  });
}

void Sequencer::RunApart(QueuedCommit commit) {
  // The server is going while the store is closed.
  if (recovering_) return commit.done(Health());
  std::vector<QueuedCommit> alone;
  alone.push_back(std::move(commit));
  MeasureBatch(std::move(alone));
}

void Sequencer::NoteRunaways(const CommitRequest& request,
                             const Execution& execution,
                             const DerivationState& derivations) {
  if (request.derivation.has_value()) runaways_.Forget();
  const absl::Span<const Path> over = derivation_engine_.used_up();
  if (over.empty() && (runaways_.empty() || execution.effects.empty())) return;
  runaways_.Computed(request.operations, over, derivations);
}

}  // namespace restate
