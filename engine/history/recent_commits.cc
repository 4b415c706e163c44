#include "engine/history/recent_commits.h"

#include <algorithm>
#include <utility>

namespace restate {
namespace {

// A batch larger than this is taken apart, so that its commits can be forgotten
// one by one.
constexpr size_t kMaxGroupBytes = size_t{1} << 20;

size_t BytesOf(const Tree& tree) {
  return tree.has_value() ? tree->ByteSize() : 0;
}

bool Before(const Stop& a, const Stop& b) {
  return a.index != b.index ? a.index < b.index : a.place < b.place;
}

size_t MemoryBytes(const SequencedCommit& commit) {
  size_t bytes = 2 * sizeof(SequencedCommit) + sizeof(RecentCommits::Entry);
  for (const Effect& effect : commit.effects) {
    bytes += 2 * (sizeof(Effect) + effect.path.key().size()) +
             BytesOf(effect.before) + BytesOf(effect.payload) +
             BytesOf(effect.default_value);
    // A ping's are one value.
    if (effect.kind != Effect::Kind::kPing) bytes += BytesOf(effect.after);
    for (const DerivedPart& part : effect.derived_below) {
      bytes += part.dest.key().size() + BytesOf(part.value);
    }
  }
  return bytes;
}

}  // namespace

std::vector<RecentCommits::Entry> RecentCommits::MakeEntries(
    const CommitGroup& group) {
  std::vector<Entry> entries;
  entries.reserve(group->size());
  size_t total = 0;
  for (const SequencedCommit& commit : *group) {
    entries.push_back({std::shared_ptr<const SequencedCommit>(group, &commit),
                       MemoryBytes(commit), nullptr, absl::InfinitePast()});
    total += entries.back().bytes;
  }
  if (total <= kMaxGroupBytes || entries.size() == 1) return entries;
  for (Entry& entry : entries) {
    entry.commit = std::make_shared<const SequencedCommit>(*entry.commit);
  }
  return entries;
}

void RecentCommits::Append(std::vector<Entry> entries, absl::Time now) {
  for (Entry& entry : entries) {
    entry.at = now;
    bytes_ += entry.bytes;
    entries_.push_back(std::move(entry));
  }
}

void RecentCommits::DropOldest() {
  begins_after_ = entries_.front().commit->revision;
  bytes_ -= entries_.front().bytes;
  entries_.pop_front();
  stops_.erase(stops_.begin(), stops_.upper_bound(begins_after_));
}

void RecentCommits::DropThrough(Revision through) {
  while (!entries_.empty() && entries_.front().commit->revision <= through) {
    DropOldest();
  }
  begins_after_ = std::max(begins_after_, through);
  stops_.erase(stops_.begin(), stops_.upper_bound(through));
}

std::deque<RecentCommits::Entry>::const_iterator RecentCommits::Find(
    Revision after) const {
  return std::upper_bound(entries_.begin(), entries_.end(), after,
                          [](Revision revision, const Entry& entry) {
                            return revision < entry.commit->revision;
                          });
}

std::vector<RecentCommits::Entry> RecentCommits::Collect(
    Revision after, Revision through, size_t max_bytes) const {
  std::vector<Entry> collected;
  size_t bytes = 0;
  for (auto it = Find(after);
       it != entries_.end() && it->commit->revision <= through; ++it) {
    bytes += it->bytes;
    if (!collected.empty() && bytes > max_bytes) break;
    collected.push_back(*it);
  }
  return collected;
}

const RecentCommits::Entry* RecentCommits::FirstAfter(
    Revision revision) const {
  const auto it = Find(revision);
  return it == entries_.end() ? nullptr : &*it;
}

void RecentCommits::AddStop(Revision revision, const Stop& stop) {
  std::vector<Stop>& stops = stops_[revision];
  const auto place = std::lower_bound(stops.begin(), stops.end(), stop, Before);
  if (place != stops.end() && *place == stop) return;
  stops.insert(place, stop);
  const auto it = Find(revision - 1);
  if (it == entries_.end() || it->commit->revision != revision) return;
  entries_[it - entries_.begin()].made = nullptr;
}

const std::vector<Stop>& RecentCommits::StopsOf(Revision revision) const {
  static const std::vector<Stop>* const kNone = new std::vector<Stop>;
  const auto it = stops_.find(revision);
  return it == stops_.end() ? *kNone : it->second;
}

void RecentCommits::Keep(Revision revision,
                         const std::shared_ptr<const PastCommit>& made) {
  const auto it = Find(revision - 1);
  if (it == entries_.end() || it->commit->revision != revision ||
      made->stops != StopsOf(revision)) {
    return;
  }
  entries_[it - entries_.begin()].made = made;
}

std::shared_ptr<const PastCommit> MakePast(const SequencedCommit& commit,
                                           std::vector<Stop> stops) {
  auto past = std::make_shared<PastCommit>();
  past->commit = commit;
  past->stops = std::move(stops);
  return past;
}

}  // namespace restate
