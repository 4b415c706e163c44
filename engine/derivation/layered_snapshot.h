#ifndef RESTATE_ENGINE_DERIVATION_LAYERED_SNAPSHOT_H_
#define RESTATE_ENGINE_DERIVATION_LAYERED_SNAPSHOT_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/derivation/derived_values.h"
#include "engine/path/path.h"

namespace restate {

// What clients wrote with derived values laid over it, as View::kAll reads it
// (layered_read.h). A cursor shows all that can be read by its own path:
// derived children of a leaf beside the leaf.
//
// Immutable; thread-safe.
class LayeredSnapshot final : public Snapshot {
 public:
  // `client` must outlive the snapshot.
  LayeredSnapshot(const Snapshot* client, DerivedValues derived)
      : client_(client), derived_(std::move(derived)) {}

  absl::StatusOr<NodeProbe> Probe(const Path& path) const override;
  absl::StatusOr<ReadResult> Read(const Path& path,
                                  const ReadLimits& limits) const override;
  std::unique_ptr<Cursor> NewCursor(const Path& within) const override;

 private:
  const Snapshot* const client_;
  const DerivedValues derived_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_LAYERED_SNAPSHOT_H_
