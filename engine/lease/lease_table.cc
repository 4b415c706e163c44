#include "engine/lease/lease_table.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "engine/tree/tree.h"
#include "engine/value/value.h"

namespace restate {
namespace {

// Whether a MERGE of `value` writes the path `relative` below it, or one above:
// whether the way there meets a leaf, or ends at an own value.
bool MergeAddresses(const Value& value, const Path& relative) {
  const Value* node = &value;
  for (std::string_view segment : relative.segments()) {
    if (!node->is_map()) return true;
    node = tree::Child(*node, segment);
    if (node == nullptr) return false;
  }
  return !node->is_map() || tree::Child(*node, kOwnValueKey) != nullptr;
}

}  // namespace

LeaseTable::LeaseTable(const Clock* clock, const std::vector<Lease>& leases)
    : clock_(clock) {
  Reload(leases);
}

LeaseTable::Entry LeaseTable::StartNow(LeaseTerms terms) const {
  const absl::Duration deadline = terms.ttl > absl::ZeroDuration()
                                      ? clock_->Monotonic() + terms.ttl
                                      : absl::InfiniteDuration();
  return {std::move(terms), deadline};
}

void LeaseTable::Reload(const std::vector<Lease>& leases) {
  staged_.clear();
  MutexLock lock(&mutex_);
  leases_.clear();
  by_deadline_.clear();
  by_session_.clear();
  for (const Lease& lease : leases) Insert(lease.path, StartNow(lease.terms));
  UpdateQuickViews();
}

void LeaseTable::Insert(const Path& path, Entry entry) {
  Erase(path);
  if (entry.deadline != absl::InfiniteDuration()) {
    by_deadline_.emplace(entry.deadline, path);
  }
  if (!entry.terms.session_id.empty()) {
    by_session_.emplace(entry.terms.session_id, path);
  }
  leases_.emplace(path, std::move(entry));
}

void LeaseTable::Erase(const Path& path) {
  auto it = leases_.find(path);
  if (it == leases_.end()) return;
  by_deadline_.erase({it->second.deadline, path});
  by_session_.erase({it->second.terms.session_id, path});
  leases_.erase(it);
}

void LeaseTable::UpdateQuickViews() {
  count_.store(leases_.size(), std::memory_order_release);
  first_deadline_.store(
      by_deadline_.empty()
          ? INT64_MAX
          : absl::ToInt64Nanoseconds(by_deadline_.begin()->first),
      std::memory_order_release);
}

template <typename Ends>
void LeaseTable::EndAtAndBelow(const Path& path, Ends ends) {
  {
    MutexLock lock(&mutex_);
    for (auto it = leases_.lower_bound(path);
         it != leases_.end() && path.Contains(it->first); ++it) {
      if (ends(it->first)) staged_[it->first] = std::nullopt;
    }
  }
  for (auto it = staged_.lower_bound(path);
       it != staged_.end() && path.Contains(it->first); ++it) {
    if (ends(it->first)) it->second = std::nullopt;
  }
}

void LeaseTable::Stage(const CommitRequest& request,
                       const CommitResult& result) {
  for (size_t i = 0; i < request.operations.size(); ++i) {
    const Operation& operation = request.operations[i];
    const bool any = !empty() || HasStaged();
    if (const auto* deletion = std::get_if<DeleteOperation>(&operation)) {
      if (any) EndAtAndBelow(deletion->path, [](const Path&) { return true; });
      continue;
    }
    const auto* set = std::get_if<SetOperation>(&operation);
    if (set == nullptr) continue;
    // It found something there, and wrote nothing.
    if (set->mode == WriteMode::kIfAbsent && !result.results[i].changed) {
      continue;
    }
    if (any) {
      EndAtAndBelow(set->path, [set](const Path& path) {
        return set->mode != WriteMode::kMerge ||
               MergeAddresses(set->value, path.RelativeTo(set->path));
      });
    }
    if (!set->session_id.empty() || set->ttl > absl::ZeroDuration()) {
      staged_[set->path] = StartNow({set->session_id, set->ttl});
    }
  }
}

std::vector<LeaseChange> LeaseTable::Staged() const {
  std::vector<LeaseChange> changes;
  changes.reserve(staged_.size());
  for (const auto& [path, entry] : staged_) {
    LeaseChange change{path, std::nullopt};
    if (entry.has_value()) change.terms = entry->terms;
    changes.push_back(std::move(change));
  }
  return changes;
}

void LeaseTable::PublishStaged() {
  if (staged_.empty()) return;
  MutexLock lock(&mutex_);
  for (auto& [path, entry] : staged_) {
    if (entry.has_value()) {
      Insert(path, *std::move(entry));
    } else {
      Erase(path);
    }
  }
  staged_.clear();
  UpdateQuickViews();
}

std::vector<Path> LeaseTable::Paths() const {
  absl::btree_set<Path> paths;
  {
    MutexLock lock(&mutex_);
    for (const auto& [path, entry] : leases_) paths.insert(path);
  }
  for (const auto& [path, entry] : staged_) {
    if (entry.has_value()) {
      paths.insert(path);
    } else {
      paths.erase(path);
    }
  }
  return {paths.begin(), paths.end()};
}

std::vector<Path> LeaseTable::PathsOfSessions(size_t limit) const {
  std::vector<Path> paths;
  for (const auto& [path, entry] : staged_) {
    if (paths.size() == limit) return paths;
    if (entry.has_value() && !entry->terms.session_id.empty()) {
      paths.push_back(path);
    }
  }
  MutexLock lock(&mutex_);
  for (auto it = by_session_.begin();
       it != by_session_.end() && paths.size() < limit; ++it) {
    if (!staged_.contains(it->second)) paths.push_back(it->second);
  }
  return paths;
}

std::vector<Path> LeaseTable::PathsOf(const std::string& session_id,
                                      size_t limit) const {
  std::vector<Path> paths;
  for (const auto& [path, entry] : staged_) {
    if (paths.size() == limit) return paths;
    if (entry.has_value() && entry->terms.session_id == session_id) {
      paths.push_back(path);
    }
  }
  MutexLock lock(&mutex_);
  for (auto it = by_session_.lower_bound({session_id, Path()});
       it != by_session_.end() && it->first == session_id &&
       paths.size() < limit;
       ++it) {
    if (!staged_.contains(it->second)) paths.push_back(it->second);
  }
  return paths;
}

std::vector<Path> LeaseTable::Overdue(size_t limit) const {
  const absl::Duration now = clock_->Monotonic();
  std::vector<Path> paths;
  MutexLock lock(&mutex_);
  for (auto it = by_deadline_.begin();
       it != by_deadline_.end() && it->first <= now && paths.size() < limit;
       ++it) {
    if (!staged_.contains(it->second)) paths.push_back(it->second);
  }
  return paths;
}

void LeaseTable::Postpone(const std::vector<Path>& paths,
                          absl::Duration delay) {
  if (paths.empty()) return;
  const absl::Duration deadline = clock_->Monotonic() + delay;
  MutexLock lock(&mutex_);
  for (const Path& path : paths) {
    auto it = leases_.find(path);
    if (it == leases_.end()) continue;
    by_deadline_.erase({it->second.deadline, path});
    it->second.deadline = deadline;
    by_deadline_.emplace(deadline, path);
  }
  UpdateQuickViews();
}

std::optional<LeaseStatus> LeaseTable::Find(const Path& path) const {
  if (empty()) return std::nullopt;
  MutexLock lock(&mutex_);
  auto it = leases_.find(path);
  if (it == leases_.end()) return std::nullopt;
  LeaseStatus status{it->second.terms, it->second.deadline};
  if (status.expires_in != absl::InfiniteDuration()) {
    status.expires_in =
        std::clamp(status.expires_in - clock_->Monotonic(),
                   absl::ZeroDuration(), status.terms.ttl);
  }
  return status;
}

bool LeaseTable::HasOverdue() const {
  const int64_t first = first_deadline_.load(std::memory_order_acquire);
  return first != INT64_MAX &&
         first <= absl::ToInt64Nanoseconds(clock_->Monotonic());
}

}  // namespace restate
