#include "engine/backend/hybrid/mount_table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/hybrid/write_splitter.h"
#include "engine/error/error.h"

namespace restate {

absl::Status MountTable::Check(absl::Span<const Path> points) {
  std::vector<Path> sorted(points.begin(), points.end());
  std::sort(sorted.begin(), sorted.end());
  if (sorted.empty() || !sorted.front().is_root()) {
    return MakeError(Reason::kInvalidRequest,
                     "no backend is mounted at /; mount one there");
  }
  auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) {
    return MakeError(Reason::kInvalidRequest,
                     absl::StrCat("two backends are mounted at ",
                                  twice->ToText(), "; leave one of them"),
                     {{"mount", twice->ToText()}});
  }
  return absl::OkStatus();
}

MountTable::MountTable(std::vector<Path> points)
    : points_(std::move(points)),
      by_key_(points_.size()),
      around_(points_.size(), 0) {
  std::iota(by_key_.begin(), by_key_.end(), size_t{0});
  std::sort(by_key_.begin(), by_key_.end(), [this](size_t a, size_t b) {
    return points_[a] < points_[b];
  });
  for (size_t i = 1; i < by_key_.size(); ++i) {
    size_t around = i - 1;
    while (!points_[by_key_[around]].Contains(points_[by_key_[i]])) {
      around = around_[around];
    }
    around_[i] = around;
  }
}

size_t MountTable::FirstAfter(std::string_view key) const {
  return std::upper_bound(by_key_.begin(), by_key_.end(), key,
                          [this](std::string_view k, size_t mount) {
                            return k < points_[mount].key();
                          }) -
         by_key_.begin();
}

size_t MountTable::FindKey(std::string_view key) const {
  // Every point that `key` starts with is this one or around it.
  size_t i = FirstAfter(key) - 1;
  while (!key.starts_with(points_[by_key_[i]].key())) i = around_[i];
  return by_key_[i];
}

bool MountTable::HasMountBelow(const Path& path) const {
  const size_t i = FirstAfter(path.key());
  return i < by_key_.size() && path.Contains(points_[by_key_[i]]);
}

std::vector<size_t> MountTable::MountsBelow(const Path& path) const {
  std::vector<size_t> mounts;
  for (size_t i = FirstAfter(path.key());
       i < by_key_.size() && path.Contains(points_[by_key_[i]]); ++i) {
    mounts.push_back(by_key_[i]);
  }
  return mounts;
}

std::vector<MountTable::Range> MountTable::KeyRanges() const {
  std::vector<Range> ranges;
  std::vector<size_t> open;
  std::string begin;
  auto cut_at = [&](std::string end) {
    if (end.empty() || begin < end) {
      ranges.push_back({open.back(), std::move(begin), end});
    }
    begin = std::move(end);
  };
  for (size_t mount : by_key_) {
    while (!open.empty() && !points_[open.back()].Contains(points_[mount])) {
      cut_at(points_[open.back()].SubtreeEnd());
      open.pop_back();
    }
    if (!open.empty()) cut_at(points_[mount].key());
    open.push_back(mount);
  }
  for (; !open.empty(); open.pop_back()) {
    cut_at(points_[open.back()].SubtreeEnd());
  }
  return ranges;
}

absl::StatusOr<std::vector<std::vector<Write>>> MountTable::Split(
    absl::Span<const Write> writes, const Snapshot& before_tree) const {
  WriteSplitter splitter(*this, before_tree);
  for (const Write& write : writes) {
    if (absl::Status status = splitter.Add(write); !status.ok()) return status;
  }
  return splitter.Take();
}

}  // namespace restate
