#ifndef RESTATE_ENGINE_RECORD_RECORD_TABLE_H_
#define RESTATE_ENGINE_RECORD_RECORD_TABLE_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/types/span.h"
#include "engine/backend/commit_store.h"
#include "engine/sync/mutex.h"

namespace restate {

// The small records that are kept beside the tree and change with commits: what
// is mounted, what is derived, how far an export is. Whose a record is, its key
// says: "mount/...".
//
// What a batch of commits does to them is staged, and becomes true with the
// batch, or never.
//
// Read functions are thread-safe and show what is published; the rest is the
// sequencer's thread's.
class RecordTable {
 public:
  using Records = std::map<std::string, std::string>;

  explicit RecordTable(Records records) : records_(std::move(records)) {}

  // The record at `key`, or nothing.
  std::optional<std::string> Find(const std::string& key) const;
  // Those whose keys begin with `prefix`.
  Records WithPrefix(std::string_view prefix) const;

  void Stage(absl::Span<const RecordChange> changes) {
    staged_.insert(staged_.end(), changes.begin(), changes.end());
  }
  const std::vector<RecordChange>& Staged() const { return staged_; }
  bool HasStaged() const { return !staged_.empty(); }
  // The batch is decided, or it never was.
  void PublishStaged();
  void DropStaged() { staged_.clear(); }
  // The store was opened again: these survived, and nothing is staged.
  void Reload(Records records);

 private:
  std::vector<RecordChange> staged_;
  mutable Mutex mutex_;
  Records records_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_RECORD_RECORD_TABLE_H_
