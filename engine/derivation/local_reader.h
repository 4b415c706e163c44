#ifndef RESTATE_ENGINE_DERIVATION_LOCAL_READER_H_
#define RESTATE_ENGINE_DERIVATION_LOCAL_READER_H_

#include <algorithm>
#include <utility>

#include "absl/types/span.h"
#include "engine/derivation/layered_read.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"

namespace restate {

// Reads what clients wrote, as far as it is kept here: mounts that take long to
// read show as nothing, so that no commit waits for another server.
class LocalReader final : public ClientReader {
 public:
  // `inner` reads what is kept here, and at the `remote` mount points anything;
  // both must outlive the reader.
  LocalReader(ClientReader* inner, absl::Span<const Path> remote)
      : inner_(inner), remote_(remote) {}

  absl::StatusOr<NodeProbe> Probe(const Path& path) override {
    if (IsRemote(path)) return NodeProbe();
    return inner_->Probe(path);
  }
  absl::StatusOr<ReadResult> Read(const Path& path,
                                  const ReadLimits& limits) override {
    if (IsRemote(path)) return ReadResult();
    absl::StatusOr<ReadResult> result = inner_->Read(path, limits);
    if (!result.ok()) return result;
    for (const Path& at : remote_) {
      if (!path.StrictlyContains(at)) continue;
      const Path inside = at.RelativeTo(path);
      if (tree::Get(result->tree, inside).has_value()) {
        result->tree = tree::Replace(result->tree, inside, std::nullopt);
      }
    }
    return result;
  }

  bool IsRemote(const Path& path) const {
    return std::any_of(remote_.begin(), remote_.end(), [&](const Path& at) {
      return at.Contains(path);
    });
  }

 private:
  ClientReader* const inner_;
  const absl::Span<const Path> remote_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_LOCAL_READER_H_
