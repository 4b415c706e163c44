#include "engine/backend/remote/page_cache.h"

#include <algorithm>
#include <utility>

namespace restate {
namespace {

constexpr size_t kMaxPages = 16;
constexpr size_t kMaxBytes = size_t{4} << 20;

}  // namespace

Page::Page(std::string begin, const ScanRange& range, ScanPage scan)
    : begin_(std::move(begin)),
      end_(range.within.SubtreeEnd()),
      scan_(std::move(scan)) {
  for (const OwnValue& entry : scan_.entries) {
    bytes_ += entry.key.size() + entry.value.ByteSize();
  }
}

bool Page::Covers(std::string_view key) const {
  if (key < begin_) return false;
  if (scan_.more) return key <= scan_.entries.back().key;
  return end_.empty() || key < end_;
}

size_t Page::LowerBound(std::string_view key) const {
  const auto found = std::lower_bound(
      entries().begin(), entries().end(), key,
      [](const OwnValue& entry, std::string_view wanted) {
        return entry.key < wanted;
      });
  return static_cast<size_t>(found - entries().begin());
}

std::shared_ptr<const Page> PageCache::Find(std::string_view key) const {
  MutexLock lock(&mutex_);
  for (auto page = pages_.rbegin(); page != pages_.rend(); ++page) {
    if ((*page)->Covers(key)) return *page;
  }
  return nullptr;
}

void PageCache::Add(std::shared_ptr<const Page> page) {
  MutexLock lock(&mutex_);
  bytes_ += page->bytes();
  pages_.push_back(std::move(page));
  while (pages_.size() > kMaxPages ||
         (bytes_ > kMaxBytes && pages_.size() > 1)) {
    bytes_ -= pages_.front()->bytes();
    pages_.pop_front();
  }
}

}  // namespace restate
