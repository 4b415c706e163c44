#include "engine/derivation/layered_snapshot.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backend/hybrid/hybrid_cursor.h"
#include "engine/backend/hybrid/hybrid_snapshot.h"
#include "engine/backend/hybrid/mount_table.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/derivation/layered_read.h"
#include "engine/derivation/view.h"

namespace restate {
namespace {

// Destinations are to what clients wrote as mounts are to the one at the root:
// the longest serves a path.
class LayeredCursor final : public Cursor {
 public:
  LayeredCursor(const Snapshot* client, const DerivedValues& derived,
                const Path& within)
      : parts_(PartsOf(client, derived, within)),
        table_(PointsOf(parts_)),
        cursor_(table_, parts_, within, HybridCursor::Down::kFail) {}

  void Seek(std::string_view key) override { cursor_.Seek(key); }
  void Next() override { cursor_.Next(); }
  bool Valid() const override { return cursor_.Valid(); }
  std::string_view key() const override { return cursor_.key(); }
  absl::StatusOr<Value> value() const override { return cursor_.value(); }
  absl::Status status() const override { return cursor_.status(); }

 private:
  // Those that have something within.
  static std::vector<MountedSnapshot> PartsOf(const Snapshot* client,
                                              const DerivedValues& derived,
                                              const Path& within) {
    std::vector<MountedSnapshot> parts;
    // Not owned: it outlives the cursor.
    parts.push_back({Path(),
                     std::shared_ptr<const Snapshot>(
                         std::shared_ptr<const Snapshot>(), client),
                     "clients"});
    const auto add = [&parts](const Path& dest,
                              const DerivedValues::Destination& one) {
      parts.push_back({dest, MakeTreeSnapshot(one.value), "derived"});
      return true;
    };
    if (const std::optional<Path> owner = derived.OwnerOf(within)) {
      add(*owner, *derived.Find(*owner));
    }
    derived.ForEachBelow(within, add);
    return parts;
  }
  static std::vector<Path> PointsOf(const std::vector<MountedSnapshot>& parts) {
    std::vector<Path> points;
    for (const MountedSnapshot& part : parts) points.push_back(part.at);
    return points;
  }

  const std::vector<MountedSnapshot> parts_;
  const MountTable table_;
  HybridCursor cursor_;
};

}  // namespace

absl::StatusOr<NodeProbe> LayeredSnapshot::Probe(const Path& path) const {
  SnapshotReader client(client_);
  return ProbeLayered(client, derived_, path, View::kAll);
}

absl::StatusOr<ReadResult> LayeredSnapshot::Read(
    const Path& path, const ReadLimits& limits) const {
  SnapshotReader client(client_);
  return ReadLayered(client, derived_, path, View::kAll, limits);
}

std::unique_ptr<Cursor> LayeredSnapshot::NewCursor(const Path& within) const {
  if (!derived_.OwnerOf(within).has_value() && !derived_.HasBelow(within)) {
    return client_->NewCursor(within);
  }
  return std::make_unique<LayeredCursor>(client_, derived_, within);
}

}  // namespace restate
