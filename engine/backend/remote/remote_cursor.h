#ifndef RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_CURSOR_H_
#define RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_CURSOR_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/backend/remote/page_cache.h"
#include "engine/backend/remote/remote_link.h"
#include "engine/path/path.h"

namespace restate {

// How much a cursor asks for at once.
struct PageSize {
  size_t entries = 64;
  size_t bytes = size_t{1} << 20;
};

// Walks the own values at and below a path, page by page. Pages grow while it
// goes straight on.
class RemoteCursor : public Cursor {
 public:
  RemoteCursor(std::shared_ptr<RemoteLink> link,
               std::shared_ptr<PageCache> cache, Path within, PageSize first);

  void Seek(std::string_view key) override;
  void Next() override;
  bool Valid() const override {
    return page_ != nullptr && index_ < page_->entries().size();
  }
  std::string_view key() const override {
    return page_->entries()[index_].key;
  }
  absl::StatusOr<Value> value() const override {
    return page_->entries()[index_].value;
  }
  absl::Status status() const override { return status_; }

 private:
  // Goes to the first entry at or after `key`, or after it, from page to page.
  void GoTo(std::string key, bool exclusive);
  // Asks for the page that begins with `key`; null, and status(), if it fails.
  std::shared_ptr<const Page> Load(const std::string& key, bool exclusive);

  const std::shared_ptr<RemoteLink> link_;
  const std::shared_ptr<PageCache> cache_;
  const Path within_;
  // Where the walk ends; empty if nowhere.
  const std::string end_;
  const PageSize first_;

  std::shared_ptr<const Page> page_;
  size_t index_ = 0;
  size_t next_entries_;
  absl::Status status_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_CURSOR_H_
