#include "engine/record/record_table.h"

#include <utility>

namespace restate {

std::optional<std::string> RecordTable::Find(const std::string& key) const {
  MutexLock lock(&mutex_);
  auto it = records_.find(key);
  if (it == records_.end()) return std::nullopt;
  return it->second;
}

RecordTable::Records RecordTable::WithPrefix(std::string_view prefix) const {
  Records found;
  MutexLock lock(&mutex_);
  for (auto it = records_.lower_bound(std::string(prefix));
       it != records_.end() && it->first.starts_with(prefix); ++it) {
    found.insert(*it);
  }
  return found;
}

void RecordTable::PublishStaged() {
  if (staged_.empty()) return;
  MutexLock lock(&mutex_);
  for (RecordChange& change : staged_) {
    if (change.value.has_value()) {
      records_.insert_or_assign(std::move(change.key),
                                *std::move(change.value));
    } else {
      records_.erase(change.key);
    }
  }
  staged_.clear();
}

void RecordTable::Reload(Records records) {
  staged_.clear();
  MutexLock lock(&mutex_);
  records_ = std::move(records);
}

}  // namespace restate
