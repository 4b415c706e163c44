#ifndef RESTATE_ENGINE_COMMIT_PUBLISHED_STATE_H_
#define RESTATE_ENGINE_COMMIT_PUBLISHED_STATE_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/backend/hybrid/hybrid_snapshot.h"
#include "engine/derivation/derivation_state.h"
#include "engine/derivation/layered_read.h"
#include "engine/derivation/layered_snapshot.h"
#include "engine/path/path.h"

namespace restate {

// A published state: everything up to one revision, over all mounts. Immutable
// and thread-safe; as long as it is held, what it shows can be read, unless its
// store had to be opened again (then UNAVAILABLE / MOUNT_UNAVAILABLE).
class PublishedState {
 public:
  PublishedState(Revision revision, std::vector<MountedSnapshot> mounts,
                 DerivationState derivations = {})
      : revision_(revision),
        mounts_(mounts),
        clients_(std::move(mounts)),
        derivations_(std::move(derivations)),
        tree_(&clients_, derivations_.values) {}

  Revision revision() const { return revision_; }
  // The state of the whole tree, derived paths included. A read that touches a
  // mount that is down is UNAVAILABLE / MOUNT_UNAVAILABLE naming it.
  const Snapshot& tree() const {
    if (derivations_.empty()) return clients_;
    return tree_;
  }
  // What clients wrote, and nothing else: what the mounts hold.
  const Snapshot& clients_tree() const { return clients_; }
  // What is derived from what, and how that went.
  const DerivationState& derivations() const { return derivations_; }

  // Reads a path in a view; kOwnValue reads as kWithoutDerived. If `left_out`
  // is not null, mounts that are down are left out, and it tells whether any
  // were.
  absl::StatusOr<ReadResult> Read(const Path& path, View view,
                                  const ReadLimits& limits,
                                  bool* left_out = nullptr) const {
    if (left_out != nullptr) {
      PartialReader reader(&clients_, left_out);
      return ReadLayered(reader, derivations_.values, path, view, limits);
    }
    SnapshotReader reader(&clients_);
    return ReadLayered(reader, derivations_.values, path, view, limits);
  }

  // The parts, for the state after this one.
  const std::vector<MountedSnapshot>& mounts() const { return mounts_; }

 private:
  // Reads what clients wrote, as far as it is there.
  class PartialReader final : public ClientReader {
   public:
    PartialReader(const HybridSnapshot* clients, bool* left_out)
        : clients_(clients), left_out_(left_out) {}
    absl::StatusOr<NodeProbe> Probe(const Path& path) override {
      return clients_->Probe(path);
    }
    absl::StatusOr<ReadResult> Read(const Path& path,
                                    const ReadLimits& limits) override {
      return clients_->ReadPartial(path, limits, left_out_);
    }

   private:
    const HybridSnapshot* const clients_;
    bool* const left_out_;
  };

  const Revision revision_;
  const std::vector<MountedSnapshot> mounts_;
  const HybridSnapshot clients_;
  const DerivationState derivations_;
  const LayeredSnapshot tree_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_PUBLISHED_STATE_H_
