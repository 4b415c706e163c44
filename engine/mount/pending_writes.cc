#include "engine/mount/pending_writes.h"

#include <string>
#include <string_view>
#include <utility>

namespace restate {

const PendingWrites::Entries::Entry* PendingWrites::Covering(
    std::string_view key) const {
  const Entries::Entry* entry = entries_.FindLastAtOrBefore(key);
  if (entry == nullptr || entry->value.scope != Write::Scope::kSubtree ||
      !key.starts_with(entry->key)) {
    return nullptr;
  }
  return entry;
}

void PendingWrites::Add(const Write& write) {
  const std::string& key = write.path.key();
  const Entries::Entry* covering = Covering(key);
  const bool whole = write.scope == Write::Scope::kSubtree;
  if (covering != nullptr && (covering->key != key || !whole)) {
    const Path relative = write.path.RelativeTo(Path::FromKey(covering->key));
    Entry entry = covering->value;
    entry.value = whole ? tree::Replace(entry.value, relative, write.value)
                        : tree::ReplaceOwn(entry.value, relative, write.value);
    entry.revision = write.revision;
    entries_ = entries_.Set(std::string(covering->key), std::move(entry));
    return;
  }
  if (whole && !entries_.empty()) {
    entries_ = entries_.EraseRange(key + '\x01', write.path.SubtreeEnd());
  }
  entries_ =
      entries_.Set(key, Entry{write.scope, write.value, write.revision});
}

std::vector<Write> PendingWrites::ToWrites() const {
  std::vector<Write> writes;
  writes.reserve(entries_.size());
  for (auto it = entries_.begin(); !it.at_end(); ++it) {
    writes.push_back(Write{Path::FromKey(it->key), it->value.scope,
                           it->value.value, it->value.revision, std::nullopt});
  }
  return writes;
}

}  // namespace restate
