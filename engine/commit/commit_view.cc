#include "engine/commit/commit_view.h"

#include <optional>
#include <utility>

#include "engine/backend/memory/memory_backend.h"
#include "engine/commit/effect_limiter.h"
#include "engine/derivation/layered_snapshot.h"
#include "engine/tree/tree.h"

namespace restate {
namespace {

// What is left of what a commit may keep of derived values.
struct Room {
  size_t leaves = kMaxChangedLeaves;
  size_t bytes = kMaxSideBytes;

  bool Take(const Tree& value) {
    const size_t values = tree::CountOwnValues(value, leaves + 1);
    const size_t size = value.has_value() ? value->ByteSize(bytes) : 0;
    if (values > leaves || size > bytes) return false;
    leaves -= values;
    bytes -= size;
    return true;
  }
};

bool TouchedLater(const SequencedCommit& commit, size_t of) {
  // The operations of a mount change no values: each shows what is there in the
  // end.
  if (commit.origin == CommitOrigin::kMount) return false;
  const Path& place = commit.effects[of].path;
  for (size_t i = of + 1; i < commit.effects.size(); ++i) {
    const Effect& later = commit.effects[i];
    // What is derived is taken as it is in the end.
    if (later.derived || later.kind == Effect::Kind::kPing) continue;
    if (place.Contains(later.path) || later.path.Contains(place)) return true;
  }
  return false;
}

// What can be read of destinations at and below `place`; nothing if that is too
// much.
std::optional<std::vector<DerivedPart>> PartsBelow(
    const DerivedValues& derived, const Path& place, Room* room) {
  std::vector<DerivedPart> parts;
  bool fits = true;
  if (const std::optional<Path> owner = derived.OwnerOf(place)) {
    const Path inside = place.RelativeTo(*owner);
    Tree part = tree::Get(derived.Find(*owner)->value, inside);
    fits = room->Take(part);
    parts.push_back(
        {*owner, tree::Replace(std::nullopt, inside, std::move(part))});
  }
  derived.ForEachBelow(
      place, [&](const Path& dest, const DerivedValues::Destination& at) {
        fits = fits && room->Take(at.value);
        if (fits) parts.push_back({dest, at.value});
        return fits;
      });
  if (!fits) return std::nullopt;
  return parts;
}

// The parts as the layer that they are; `clients` is what they lie over.
class KeptView final : public Snapshot {
 public:
  KeptView(std::shared_ptr<const Snapshot> clients, DerivedValues derived)
      : clients_(std::move(clients)),
        all_(clients_.get(), std::move(derived)) {}

  absl::StatusOr<NodeProbe> Probe(const Path& path) const override {
    return all_.Probe(path);
  }
  absl::StatusOr<ReadResult> Read(const Path& path,
                                  const ReadLimits& limits) const override {
    return all_.Read(path, limits);
  }
  std::unique_ptr<Cursor> NewCursor(const Path& within) const override {
    return all_.NewCursor(within);
  }

 private:
  const std::shared_ptr<const Snapshot> clients_;
  const LayeredSnapshot all_;
};

}  // namespace

void KeepWhatIsBelow(const DerivedValues& derived, SequencedCommit* commit) {
  Room room;
  for (size_t i = 0; i < commit->effects.size(); ++i) {
    Effect& effect = commit->effects[i];
    if (!effect.below_unknown || effect.after_incomplete ||
        TouchedLater(*commit, i)) {
      continue;
    }
    std::optional<std::vector<DerivedPart>> parts =
        PartsBelow(derived, effect.path, &room);
    if (!parts.has_value()) continue;
    effect.derived_below = *std::move(parts);
    effect.keeps_below = true;
  }
}

std::shared_ptr<const Snapshot> ViewAfter(const Effect& effect) {
  // What belongs to a destination is not the clients'.
  const bool is_owned = !effect.derived_below.empty() &&
                        effect.derived_below.front().dest.Contains(effect.path);
  std::shared_ptr<const Snapshot> clients = MakeTreeSnapshot(
      is_owned ? std::nullopt
               : tree::Replace(std::nullopt, effect.path, effect.after));
  if (effect.derived_below.empty()) return clients;
  DerivedValues derived;
  uint64_t id = 0;
  for (const DerivedPart& part : effect.derived_below) {
    derived.Add(part.dest, ++id);
    derived.SetValue(part.dest, part.value);
  }
  return std::make_shared<KeptView>(std::move(clients), std::move(derived));
}

size_t BytesOfViewAfter(const Effect& effect) {
  size_t bytes = effect.after.has_value() ? effect.after->ByteSize() : 0;
  for (const DerivedPart& part : effect.derived_below) {
    bytes += part.dest.key().size() +
             (part.value.has_value() ? part.value->ByteSize() : 0);
  }
  return bytes;
}

}  // namespace restate
