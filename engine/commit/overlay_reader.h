#ifndef RESTATE_ENGINE_COMMIT_OVERLAY_READER_H_
#define RESTATE_ENGINE_COMMIT_OVERLAY_READER_H_

#include "engine/commit/overlay.h"
#include "engine/derivation/layered_read.h"

namespace restate {

// Reads what clients wrote, with the changes of the batch at hand.
class OverlayReader final : public ClientReader {
 public:
  // `overlay` must outlive the reader.
  explicit OverlayReader(Overlay* overlay) : overlay_(overlay) {}
  absl::StatusOr<NodeProbe> Probe(const Path& path) override {
    return overlay_->Probe(path);
  }
  // REQUIRES: limits.depth is 0.
  absl::StatusOr<ReadResult> Read(const Path& path,
                                  const ReadLimits& limits) override {
    return overlay_->Read(path, limits);
  }

 private:
  Overlay* const overlay_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_OVERLAY_READER_H_
