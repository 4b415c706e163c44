#ifndef RESTATE_ENGINE_MOUNT_TESTING_STORE_ELSEWHERE_H_
#define RESTATE_ENGINE_MOUNT_TESTING_STORE_ELSEWHERE_H_

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/backend/faulty/fault_plan.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/path/path.h"
#include "engine/sync/mutex.h"
#include "engine/tree/tree.h"

namespace restate {

// A store in another place, which is there whatever becomes of the server: a
// tree with a revision. Fails as its plan says. Thread-safe.
class StoreElsewhere {
 public:
  FaultPlan plan;

  void Apply(absl::Span<const Write> writes, Revision revision) {
    MutexLock lock(&mutex_);
    for (const Write& write : writes) {
      root_ = write.scope == Write::Scope::kSubtree
                  ? tree::Replace(root_, write.path, write.value)
                  : tree::ReplaceOwn(root_, write.path, write.value);
    }
    revision_ = revision;
  }
  // Writes below it are left by ApplyPossible while others are applied.
  void Obstruct(std::optional<Path> path) {
    MutexLock lock(&mutex_);
    obstructed_ = std::move(path);
  }
  std::optional<Path> obstructed() const {
    MutexLock lock(&mutex_);
    return obstructed_;
  }
  Tree root() const {
    MutexLock lock(&mutex_);
    return root_;
  }
  Revision revision() const {
    MutexLock lock(&mutex_);
    return revision_;
  }

 private:
  mutable Mutex mutex_;
  Tree root_ ABSL_GUARDED_BY(mutex_);
  std::optional<Path> obstructed_ ABSL_GUARDED_BY(mutex_);
  Revision revision_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Brings it into a server. As a store in a network it is slow and keeps no
// snapshots, if so asked.
class ElsewhereBackend final : public Backend {
 public:
  ElsewhereBackend(std::shared_ptr<StoreElsewhere> store, bool in_network)
      : store_(std::move(store)), in_network_(in_network) {}

  std::string_view kind() const override { return "elsewhere"; }
  bool durable() const override { return true; }
  bool slow() const override { return in_network_; }
  bool keeps_snapshots() const override { return !in_network_; }

  absl::Status Apply(absl::Span<const Write> writes,
                     Revision revision) override {
    return store_->plan.OnWrite([&] {
      store_->Apply(writes, revision);
      return absl::OkStatus();
    });
  }
  absl::Status ApplyPossible(absl::Span<const Write> writes, Revision revision,
                             std::vector<LeftWrite>* left) override {
    const std::optional<Path> obstructed = store_->obstructed();
    std::vector<Write> rest;
    for (const Write& write : writes) {
      if (obstructed.has_value() && obstructed->Contains(write.path)) {
        left->push_back({write, absl::UnavailableError("in the way")});
      } else {
        rest.push_back(write);
      }
    }
    return Apply(rest, revision);
  }
  Revision applied_revision() const override { return store_->revision(); }
  absl::StatusOr<std::shared_ptr<const Snapshot>> TakeSnapshot() override {
    if (absl::Status status = store_->plan.OnSnapshot(); !status.ok()) {
      return status;
    }
    if (!in_network_) return MakeTreeSnapshot(store_->root());
    return std::make_shared<LiveView>(store_);
  }
  // By hand: what somebody else does to the store.
  void WatchEdits(EditListener listener) override {
    MutexLock lock(&mutex_);
    listener_ = std::move(listener);
  }
  absl::Status Edit(std::vector<Write> edits) {
    EditListener listener;
    {
      MutexLock lock(&mutex_);
      listener = listener_;
    }
    return listener(std::move(edits));
  }

 private:
  // Shows what is there at the moment of the reading.
  class LiveView final : public Snapshot {
   public:
    explicit LiveView(std::shared_ptr<StoreElsewhere> store)
        : store_(std::move(store)) {}
    std::unique_ptr<Cursor> NewCursor(const Path& within) const override {
      return std::make_unique<LiveCursor>(MakeTreeSnapshot(store_->root()),
                                          within);
    }

   private:
    class LiveCursor final : public Cursor {
     public:
      LiveCursor(std::shared_ptr<const Snapshot> snapshot, const Path& within)
          : snapshot_(std::move(snapshot)),
            cursor_(snapshot_->NewCursor(within)) {}
      void Seek(std::string_view key) override { cursor_->Seek(key); }
      void Next() override { cursor_->Next(); }
      bool Valid() const override { return cursor_->Valid(); }
      std::string_view key() const override { return cursor_->key(); }
      absl::StatusOr<Value> value() const override { return cursor_->value(); }
      absl::Status status() const override { return cursor_->status(); }

     private:
      const std::shared_ptr<const Snapshot> snapshot_;
      const std::unique_ptr<Cursor> cursor_;
    };
    const std::shared_ptr<StoreElsewhere> store_;
  };

  const std::shared_ptr<StoreElsewhere> store_;
  const bool in_network_;
  Mutex mutex_;
  EditListener listener_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_MOUNT_TESTING_STORE_ELSEWHERE_H_
