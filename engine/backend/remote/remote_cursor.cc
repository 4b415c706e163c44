#include "engine/backend/remote/remote_cursor.h"

#include <algorithm>
#include <utility>

namespace restate {
namespace {

constexpr size_t kMaxEntries = 4096;

// The path whose key is the first at or after `key` that a path can have, or,
// where that path could not be named, one before it. A last segment without
// its NUL is part of a name, and stands for itself: no key lies between it and
// the same with a NUL.
Path StartFor(std::string_view key) {
  const size_t last_nul = key.rfind('\0');
  const size_t whole = last_nul == std::string_view::npos ? 0 : last_nul + 1;
  Path path = Path::FromKey(std::string(key.substr(0, whole)));
  std::string name(key.substr(whole));
  // Names shorten to names that come before them.
  for (; !name.empty(); name.pop_back()) {
    if (!ValidateSegment(name).ok()) continue;
    Path start = path.Child(name);
    if (start.CheckLimits().ok()) return start;
  }
  return path;
}

}  // namespace

RemoteCursor::RemoteCursor(std::shared_ptr<RemoteLink> link,
                           std::shared_ptr<PageCache> cache, Path within,
                           PageSize first)
    : link_(std::move(link)),
      cache_(std::move(cache)),
      within_(std::move(within)),
      end_(within_.SubtreeEnd()),
      first_(first),
      next_entries_(first.entries) {}

std::shared_ptr<const Page> RemoteCursor::Load(const std::string& key,
                                               bool exclusive) {
  ScanRange range;
  range.within = within_;
  range.start = exclusive ? Path::FromKey(key) : StartFor(key);
  range.exclusive = exclusive;
  range.max_entries = next_entries_;
  range.max_bytes = first_.bytes;
  next_entries_ = std::min(next_entries_ * 4, kMaxEntries);
  absl::StatusOr<ScanPage> scan = link_->Scan(range);
  if (!scan.ok()) {
    status_ = scan.status();
    return nullptr;
  }
  std::string begin =
      exclusive ? key + '\0' : std::min(key, range.start.key());
  auto page = std::make_shared<const Page>(std::move(begin), range,
                                           *std::move(scan));
  cache_->Add(page);
  return page;
}

void RemoteCursor::GoTo(std::string key, bool exclusive) {
  status_ = absl::OkStatus();
  page_ = nullptr;
  // After a key comes the same with the least byte more.
  const std::string target = exclusive ? key + '\0' : key;
  while (end_.empty() || key < end_) {
    const std::string from = exclusive ? key + '\0' : key;
    std::shared_ptr<const Page> page = cache_->Find(from);
    if (page == nullptr) page = Load(key, exclusive);
    if (page == nullptr) return;
    index_ = page->LowerBound(std::max(target, from));
    if (index_ < page->entries().size()) {
      if (end_.empty() || page->entries()[index_].key < end_) {
        page_ = std::move(page);
      }
      return;
    }
    if (page->more()) {
      key = page->entries().back().key;
      exclusive = true;
    } else if (page->end().empty()) {
      return;
    } else {
      key = page->end();
      exclusive = false;
    }
  }
}

void RemoteCursor::Seek(std::string_view key) {
  next_entries_ = first_.entries;
  GoTo(std::max(std::string(key), within_.key()), false);
}

void RemoteCursor::Next() {
  if (index_ + 1 < page_->entries().size()) {
    ++index_;
    if (!end_.empty() && key() >= end_) page_ = nullptr;
    return;
  }
  if (page_->more()) {
    GoTo(page_->entries().back().key, true);
  } else if (page_->end().empty()) {
    page_ = nullptr;
  } else {
    GoTo(page_->end(), false);
  }
}

}  // namespace restate
