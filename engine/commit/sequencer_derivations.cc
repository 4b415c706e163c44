// What a sequencer does so that what is derived follows each commit.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/memory/memory_backend.h"
#include "engine/commit/overlay_reader.h"
#include "engine/commit/sequencer.h"
#include "engine/commit/sequencer_batch.h"
#include "engine/derivation/progress_codec.h"

namespace restate {
namespace {

// Reads the changes of an overlay, whatever they are by then, over another tree.
class RebasedReader final : public ClientReader {
 public:
  RebasedReader(const Overlay* changes, const Snapshot* base)
      : changes_(changes), overlay_(base) {}
  absl::StatusOr<NodeProbe> Probe(const Path& path) override {
    overlay_.Restore(changes_->Save());
    return overlay_.Probe(path);
  }
  absl::StatusOr<ReadResult> Read(const Path& path,
                                  const ReadLimits& limits) override {
    overlay_.Restore(changes_->Save());
    return overlay_.Read(path, limits);
  }

 private:
  const Overlay* const changes_;
  Overlay overlay_;
};

}  // namespace

Sequencer::LocalTree Sequencer::LocalTreeOf(
    const PublishedState& state) const {
  LocalTree local;
  std::vector<MountedSnapshot> mounts = state.mounts();
  for (const MountSlot& slot : mounts_) {
    if (!slot.mounted->backend().slow()) continue;
    local.remote.push_back(slot.mounted->at());
    for (MountedSnapshot& mount : mounts) {
      if (mount.at == local.remote.back()) {
        mount.snapshot = MakeTreeSnapshot(std::nullopt);
      }
    }
  }
  if (!local.remote.empty()) {
    local.tree = std::make_unique<const HybridSnapshot>(std::move(mounts));
  }
  return local;
}

absl::Status Sequencer::Derive(const PublishedState& state, Overlay& overlay,
                               const ExecutionContext& context,
                               CommitRequest* request,
                               DerivationState* derivations,
                               Execution* execution) {
  if (derivations->empty() && !request->derivation.has_value()) {
    return absl::OkStatus();
  }
  const LocalTree local = LocalTreeOf(state);
  OverlayReader all(&overlay);
  if (local.tree == nullptr) {
    LocalReader sources(&all, {});
    return derivation_engine_.Apply(request, context, sources, derivations,
                                    execution);
  }
  RebasedReader here(&overlay, local.tree.get());
  LocalReader sources(&here, local.remote);
  return derivation_engine_.Apply(request, context, sources, derivations,
                                  execution);
}

absl::Status Sequencer::FollowMounts(
    const PublishedState& after, std::optional<DerivationChange> change,
    SequencedCommit* commit, DerivationState* derivations,
    std::vector<RecordChange>* records) {
  Overlay overlay(&after.clients_tree());
  const auto can_store = [this](const Write& write) { return CanStore(write); };
  const ExecutionContext context{&overlay,         &derivations_.values,
                                 &*last_changes_,  can_store,
                                 commit->revision, options_.max_leaf_bytes};
  CommitRequest request;
  request.origin = CommitOrigin::kMount;
  request.derivation = std::move(change);
  Execution execution;
  execution.next_index = static_cast<int32_t>(commit->effects.size());
  execution.effects = std::move(commit->effects);
  *derivations = derivations_;
  absl::Status status =
      Derive(after, overlay, context, &request, derivations, &execution);
  commit->effects = std::move(execution.effects);
  records->insert(records->end(), request.records.begin(),
                  request.records.end());
  return status;
}

void Sequencer::ComputePutOff() {
  if (slice_under_way_ || slices_wait_ || recovering_) return;
  std::optional<ComputeAgain> slice =
      DerivationEngine::NextSlice(derivations_, &last_slice_of_);
  if (!slice.has_value()) return;
  CommitRequest request;
  request.derivation = *std::move(slice);
  request.origin = CommitOrigin::kDerivation;
  request.may_be_set_aside = true;
  QueuedCommit commit{
      std::move(request),
      [this, before = derivations_.derivations](
          const absl::StatusOr<CommitResult>& result) {
        slice_under_way_ = false;
        slices_wait_ = !result.ok() ||
                       derivations_.derivations.SharesRootWith(before);
      }};
  slice_under_way_ = true;
  // If there is no room now, it is tried again behind what is queued.
  if (!queue_.Push(commit).ok()) slice_under_way_ = false;
}

std::optional<RecordChange> Sequencer::ProgressIsKept() const {
  const std::string key(kProgressKeptKey);
  if (options_.commit_store == nullptr || records_->Find(key) == epoch_) {
    return std::nullopt;
  }
  return RecordChange{key, epoch_};
}

void Sequencer::AddDerivedWrites(const DerivationState& after,
                                 Revision revision, CommitBatch* decision) {
  if (options_.derived_store == nullptr) return;
  std::vector<Write> writes =
      DerivationEngine::WritesBetween(derivations_, after, revision);
  if (writes.empty()) return;
  decision->mounts.push_back(MountWrites{
      *options_.derived_store->commit_store_mount(), std::move(writes)});
}

}  // namespace restate
