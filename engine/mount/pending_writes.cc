#include "engine/mount/pending_writes.h"

#include <iterator>
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
  std::vector<Write> empty_maps;
  writes.reserve(entries_.size());
  for (auto it = entries_.begin(); !it.at_end(); ++it) {
    const Entry& entry = it->value;
    // A store that still has the children which later writes remove would take
    // no {}.
    const bool is_empty_map = entry.scope == Write::Scope::kOwnValue &&
                              entry.value.has_value() &&
                              entry.value->is_map();
    (is_empty_map ? empty_maps : writes)
        .push_back(Write{Path::FromKey(it->key), entry.scope, entry.value,
                         entry.revision, std::nullopt});
  }
  writes.insert(writes.end(), std::make_move_iterator(empty_maps.begin()),
                std::make_move_iterator(empty_maps.end()));
  return writes;
}

}  // namespace restate
