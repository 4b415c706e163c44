#include "engine/mount/views_in_use.h"

#include <string>
#include <utility>

#include "engine/error/error.h"

namespace restate {
namespace {

absl::Status Expired() {
  return MakeError(Reason::kSnapshotExpired,
                   "the state that was being read has been overtaken by later "
                   "writes to its store: read again");
}

}  // namespace

// Whether it is over is asked after each read: what was read before it ended
// was right.
class ViewsInUse::View final : public Snapshot {
 public:
  View(std::shared_ptr<ViewsInUse> views,
       std::shared_ptr<const Snapshot> snapshot, Revision covers)
      : views_(std::move(views)),
        snapshot_(std::move(snapshot)),
        covers_(covers) {}
  ~View() override { views_->Release(covers_); }

  absl::StatusOr<NodeProbe> Probe(const Path& path) const override {
    absl::StatusOr<NodeProbe> probe = snapshot_->Probe(path);
    if (IsOver()) return Expired();
    return probe;
  }
  absl::StatusOr<ReadResult> Read(const Path& path,
                                  const ReadLimits& limits) const override {
    absl::StatusOr<ReadResult> read = snapshot_->Read(path, limits);
    if (IsOver()) return Expired();
    return read;
  }
  std::unique_ptr<Cursor> NewCursor(const Path& within) const override {
    return std::make_unique<ViewCursor>(*this, snapshot_->NewCursor(within));
  }

 private:
  class ViewCursor final : public Cursor {
   public:
    ViewCursor(const View& view, std::unique_ptr<Cursor> cursor)
        : view_(view), cursor_(std::move(cursor)) {}

    void Seek(std::string_view key) override {
      cursor_->Seek(key);
      over_ = view_.IsOver();
    }
    void Next() override {
      cursor_->Next();
      over_ = view_.IsOver();
    }
    bool Valid() const override { return !over_ && cursor_->Valid(); }
    std::string_view key() const override { return cursor_->key(); }
    absl::StatusOr<Value> value() const override {
      absl::StatusOr<Value> value = cursor_->value();
      if (view_.IsOver()) return Expired();
      return value;
    }
    absl::Status status() const override {
      return over_ ? Expired() : cursor_->status();
    }

   private:
    const View& view_;
    const std::unique_ptr<Cursor> cursor_;
    bool over_ = false;
  };

  bool IsOver() const {
    return covers_ < views_->expired_before_.load(std::memory_order_acquire);
  }

  const std::shared_ptr<ViewsInUse> views_;
  const std::shared_ptr<const Snapshot> snapshot_;
  const Revision covers_;
};

std::shared_ptr<const Snapshot> ViewsInUse::Track(
    std::shared_ptr<const Snapshot> snapshot, Revision covers) {
  {
    MutexLock lock(&mutex_);
    ++in_use_[covers];
  }
  return std::make_shared<View>(shared_from_this(), std::move(snapshot),
                                covers);
}

bool ViewsInUse::HasOlderThan(Revision revision) const {
  if (expired_before_.load(std::memory_order_acquire) >= revision) return false;
  MutexLock lock(&mutex_);
  return !in_use_.empty() && in_use_.begin()->first < revision;
}

void ViewsInUse::ExpireOlderThan(Revision revision) {
  Revision before = expired_before_.load(std::memory_order_relaxed);
  while (before < revision && !expired_before_.compare_exchange_weak(
                                  before, revision,
                                  std::memory_order_acq_rel)) {
  }
}

void ViewsInUse::Release(Revision covers) {
  bool was_oldest = false;
  {
    MutexLock lock(&mutex_);
    auto it = in_use_.find(covers);
    if (--it->second == 0) {
      was_oldest = it == in_use_.begin();
      in_use_.erase(it);
    }
  }
  if (was_oldest) on_release_();
}

}  // namespace restate
