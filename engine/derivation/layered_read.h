#ifndef RESTATE_ENGINE_DERIVATION_LAYERED_READ_H_
#define RESTATE_ENGINE_DERIVATION_LAYERED_READ_H_

#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/derivation/derived_values.h"
#include "engine/derivation/view.h"
#include "engine/path/path.h"

namespace restate {

// Reads what clients wrote: a published state, or one that is being changed.
class ClientReader {
 public:
  virtual ~ClientReader() = default;
  // As Snapshot::Probe and Snapshot::Read.
  virtual absl::StatusOr<NodeProbe> Probe(const Path& path) = 0;
  virtual absl::StatusOr<ReadResult> Read(const Path& path,
                                          const ReadLimits& limits) = 0;
};

// Reads a snapshot, which must outlive the reader.
class SnapshotReader final : public ClientReader {
 public:
  explicit SnapshotReader(const Snapshot* snapshot) : snapshot_(snapshot) {}
  absl::StatusOr<NodeProbe> Probe(const Path& path) override {
    return snapshot_->Probe(path);
  }
  absl::StatusOr<ReadResult> Read(const Path& path,
                                  const ReadLimits& limits) override {
    return snapshot_->Read(path, limits);
  }

 private:
  const Snapshot* const snapshot_;
};

// What `path` reads as with derived values laid over what clients wrote:
//   - a path at or below a destination reads as what is derived there, whatever
//     a mount shows at that place;
//   - kWithoutDerived leaves out every destination strictly below the path;
//   - kAll puts them in, except below a node that is a leaf: derived children
//     never change what was written, so it reads as that leaf.
// kOwnValue reads as kWithoutDerived: use ProbeLayered.
absl::StatusOr<ReadResult> ReadLayered(ClientReader& client,
                                       const DerivedValues& derived,
                                       const Path& path, View view,
                                       const ReadLimits& limits);

// The node by itself: its own value, a written {} included, and whether it has
// children in the view.
absl::StatusOr<NodeProbe> ProbeLayered(ClientReader& client,
                                       const DerivedValues& derived,
                                       const Path& path, View view);

// How many segments the shortest ancestor of `dest` has that a derived value at
// `dest` can be seen from: a leaf in between hides it from above.
absl::StatusOr<size_t> SeenFrom(ClientReader& client,
                                const DerivedValues& derived,
                                const Path& dest);

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_LAYERED_READ_H_
