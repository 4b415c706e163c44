#include "engine/backend/hybrid/hybrid_snapshot.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/hybrid/hybrid_cursor.h"
#include "engine/backend/subtree_reader.h"
#include "engine/error/error.h"

namespace restate {
namespace {

std::vector<Path> PointsOf(const std::vector<MountedSnapshot>& mounts) {
  std::vector<Path> points;
  points.reserve(mounts.size());
  for (const MountedSnapshot& mount : mounts) points.push_back(mount.at);
  return points;
}

}  // namespace

absl::Status MountDownError(const MountedSnapshot& mount) {
  const std::string at = mount.at.ToText();
  const std::string prefix =
      absl::StrCat("the ", mount.name, " mount at ", at, " is down: ");
  if (mount.snapshot.status().code() == absl::StatusCode::kDataLoss) {
    return Annotate(mount.snapshot.status(), prefix, {{"mount", at}});
  }
  return MakeError(
      Reason::kMountUnavailable,
      absl::StrCat(prefix, mount.snapshot.status().message(),
                   "; try again when it is back, or read with `partial`"),
      {{"mount", at}});
}

HybridSnapshot::HybridSnapshot(std::vector<MountedSnapshot> mounts)
    : mounts_(std::move(mounts)), table_(PointsOf(mounts_)) {}

absl::StatusOr<NodeProbe> HybridSnapshot::Probe(const Path& path) const {
  const MountedSnapshot& host = mounts_[table_.Find(path)];
  if (!host.snapshot.ok()) return MountDownError(host);
  if (table_.HasMountBelow(path)) return ProbeAboveMounts(path, host);
  const Snapshot& snapshot = **host.snapshot;
  if (host.at.is_root()) return snapshot.Probe(path);
  return snapshot.Probe(path.RelativeTo(host.at));
}

absl::StatusOr<NodeProbe> HybridSnapshot::ProbeAboveMounts(
    const Path& path, const MountedSnapshot& host) const {
  absl::StatusOr<NodeProbe> probe =
      (*host.snapshot)->Probe(path.RelativeTo(host.at));
  if (!probe.ok()) return probe;

  absl::Status down;
  bool child_in_mount = false;
  for (size_t mount : table_.MountsBelow(path)) {
    const auto& snapshot = mounts_[mount].snapshot;
    if (!snapshot.ok()) {
      down = MountDownError(mounts_[mount]);
      continue;
    }
    absl::StatusOr<NodeProbe> root = (*snapshot)->Probe(Path());
    if (absl::IsUnavailable(root.status())) {
      down = root.status();
      continue;
    }
    if (!root.ok()) return root;
    if (root->exists()) {
      child_in_mount = true;
      break;
    }
  }
  if (child_in_mount) {
    probe->has_children = true;
    if (probe->own.has_value() && probe->own->is_map()) probe->own.reset();
    return probe;
  }
  if (probe->has_children) {
    // They may all be hidden.
    HybridCursor cursor(table_, mounts_, path, HybridCursor::Down::kLeaveOut);
    probe = ProbeNode(cursor, path);
    if (!probe.ok()) return probe;
  }
  if (!down.ok() && !probe->has_children) return down;
  return probe;
}

absl::StatusOr<ReadResult> HybridSnapshot::Read(
    const Path& path, const ReadLimits& limits) const {
  const MountedSnapshot& host = mounts_[table_.Find(path)];
  if (!host.snapshot.ok()) return MountDownError(host);
  if (!table_.HasMountBelow(path)) {
    const Snapshot& snapshot = **host.snapshot;
    if (host.at.is_root()) return snapshot.Read(path, limits);
    return snapshot.Read(path.RelativeTo(host.at), limits);
  }
  for (size_t mount : table_.MountsBelow(path)) {
    if (!mounts_[mount].snapshot.ok()) return MountDownError(mounts_[mount]);
  }
  HybridCursor cursor(table_, mounts_, path, HybridCursor::Down::kFail);
  return ReadSubtree(cursor, path, limits);
}

std::unique_ptr<Cursor> HybridSnapshot::NewCursor(const Path& within) const {
  return std::make_unique<HybridCursor>(table_, mounts_, within,
                                        HybridCursor::Down::kFail);
}

absl::StatusOr<ReadResult> HybridSnapshot::ReadPartial(
    const Path& path, const ReadLimits& limits, bool* left_out) const {
  *left_out = false;
  if (!table_.HasMountBelow(path)) {
    absl::StatusOr<ReadResult> read = Read(path, limits);
    const MountedSnapshot& host = mounts_[table_.Find(path)];
    if (host.snapshot.ok() && !absl::IsUnavailable(read.status())) return read;
    *left_out = true;
    return ReadResult();
  }
  HybridCursor cursor(table_, mounts_, path, HybridCursor::Down::kLeaveOut);
  absl::StatusOr<ReadResult> read = ReadSubtree(cursor, path, limits);
  *left_out = cursor.left_out();
  return read;
}

}  // namespace restate
