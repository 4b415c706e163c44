#include "engine/lease/lease_table.h"

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

LeaseTable::LeaseTable(const std::vector<Lease>& leases) { Reload(leases); }

void LeaseTable::Reload(const std::vector<Lease>& leases) {
  staged_.clear();
  MutexLock lock(&mutex_);
  leases_.clear();
  for (const Lease& lease : leases) leases_[lease.path] = lease.session_id;
  count_.store(leases_.size(), std::memory_order_release);
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
    if (!set->session_id.empty()) staged_[set->path] = set->session_id;
  }
}

std::vector<LeaseChange> LeaseTable::Staged() const {
  std::vector<LeaseChange> changes;
  for (const auto& [path, session_id] : staged_) {
    changes.push_back(LeaseChange{path, session_id});
  }
  return changes;
}

void LeaseTable::PublishStaged() {
  if (staged_.empty()) return;
  MutexLock lock(&mutex_);
  for (auto& [path, session_id] : staged_) {
    if (session_id.has_value()) {
      leases_[path] = *std::move(session_id);
    } else {
      leases_.erase(path);
    }
  }
  staged_.clear();
  count_.store(leases_.size(), std::memory_order_release);
}

std::vector<Path> LeaseTable::PathsOf(
    const std::optional<std::string>& session_id) const {
  absl::btree_map<Path, std::string> all;
  {
    MutexLock lock(&mutex_);
    all = leases_;
  }
  for (const auto& [path, staged] : staged_) {
    if (staged.has_value()) {
      all[path] = *staged;
    } else {
      all.erase(path);
    }
  }
  std::vector<Path> paths;
  for (const auto& [path, bound_to] : all) {
    if (!session_id.has_value() || bound_to == *session_id) {
      paths.push_back(path);
    }
  }
  return paths;
}

std::optional<std::string> LeaseTable::Find(const Path& path) const {
  if (empty()) return std::nullopt;
  MutexLock lock(&mutex_);
  auto it = leases_.find(path);
  if (it == leases_.end()) return std::nullopt;
  return it->second;
}

}  // namespace restate
