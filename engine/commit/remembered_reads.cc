#include "engine/commit/remembered_reads.h"

#include "engine/error/error.h"

namespace restate {

class RememberedReads::RememberingSnapshot final : public Snapshot {
 public:
  RememberingSnapshot(RememberedReads* reads, const Path& at,
                      std::shared_ptr<const Snapshot> snapshot)
      : reads_(*reads), at_(at), snapshot_(std::move(snapshot)) {}

  absl::StatusOr<NodeProbe> Probe(const Path& path) const override {
    absl::StatusOr<NodeProbe> probe = snapshot_->Probe(path);
    if (probe.ok()) reads_.probes_[{at_.key(), path.key()}] = *probe;
    return probe;
  }

  absl::StatusOr<ReadResult> Read(const Path& path,
                                  const ReadLimits& limits) const override {
    absl::StatusOr<ReadResult> read = snapshot_->Read(path, limits);
    if (read.ok()) reads_.reads_[KeyOf(at_, path, limits)] = *read;
    return read;
  }

  std::unique_ptr<Cursor> NewCursor(const Path& within) const override {
    return std::make_unique<RememberingCursor>(*this, within,
                                               snapshot_->NewCursor(within));
  }

 private:
  class RememberingCursor final : public Cursor {
   public:
    RememberingCursor(const RememberingSnapshot& snapshot, const Path& within,
                      std::unique_ptr<Cursor> cursor)
        : snapshot_(snapshot),
          within_(within.key()),
          cursor_(std::move(cursor)) {}

    void Seek(std::string_view key) override {
      const std::string asked(key);
      cursor_->Seek(key);
      Note(asked);
    }
    void Next() override {
      // Nothing is between a key and itself with one NUL more.
      const std::string asked = std::string(cursor_->key()) + '\0';
      cursor_->Next();
      Note(asked);
    }
    bool Valid() const override { return cursor_->Valid(); }
    std::string_view key() const override { return cursor_->key(); }
    absl::StatusOr<Value> value() const override { return cursor_->value(); }
    absl::Status status() const override { return cursor_->status(); }

   private:
    void Note(const std::string& asked) {
      if (!cursor_->status().ok()) return;
      std::optional<Found> found;
      if (cursor_->Valid()) {
        found = Found{std::string(cursor_->key()), cursor_->value()};
      }
      snapshot_.reads_.firsts_.insert_or_assign(
          {snapshot_.at_.key(), within_, asked}, std::move(found));
    }

    const RememberingSnapshot& snapshot_;
    const std::string within_;
    const std::unique_ptr<Cursor> cursor_;
  };

  RememberedReads& reads_;
  const Path at_;
  const std::shared_ptr<const Snapshot> snapshot_;
};

std::shared_ptr<const Snapshot> RememberedReads::Remember(
    const Path& at, std::shared_ptr<const Snapshot> snapshot) {
  return std::make_shared<RememberingSnapshot>(this, at, std::move(snapshot));
}

bool Recall::IsFresh(const RememberedReads& reads, const Path& path) const {
  if (reads.revision() == base_) return true;
  return reads.revision() >= last_changes_->floor() &&
         last_changes_->LastChangeOf(path, View::kAll) <= reads.revision();
}

absl::Status Recall::Miss() {
  missed_ = true;
  return MakeError(Reason::kMountUnavailable,
                   "what the commit needs of a remote mount has changed while "
                   "it was read: try again");
}

class Recall::RecallingCursor final : public Cursor {
 public:
  RecallingCursor(Recall* recall, const Path& at, const Path& within)
      : recall_(*recall), at_(at), within_(within) {}

  void Seek(std::string_view key) override { Find(std::string(key)); }
  void Next() override { Find(found_->key + '\0'); }
  bool Valid() const override {
    return status_.ok() && found_ != nullptr;
  }
  std::string_view key() const override { return found_->key; }
  absl::StatusOr<Value> value() const override { return found_->value; }
  absl::Status status() const override { return status_; }

 private:
  void Find(const std::string& key) {
    found_ = nullptr;
    for (const RememberedReads* reads : recall_.reads_) {
      const auto first =
          reads->firsts_.find({at_.key(), within_.key(), key});
      // What is on the way may be any of it.
      if (first == reads->firsts_.end() ||
          !recall_.IsFresh(*reads, at_.Join(within_))) {
        continue;
      }
      status_ = absl::OkStatus();
      if (first->second.has_value()) found_ = &*first->second;
      return;
    }
    status_ = recall_.Miss();
  }

  Recall& recall_;
  const Path at_;
  const Path within_;
  const RememberedReads::Found* found_ = nullptr;
  absl::Status status_;
};

class Recall::RecallingSnapshot final : public Snapshot {
 public:
  RecallingSnapshot(Recall* recall, const Path& at)
      : recall_(*recall), at_(at) {}

  absl::StatusOr<NodeProbe> Probe(const Path& path) const override {
    for (const RememberedReads* reads : recall_.reads_) {
      const auto probe = reads->probes_.find({at_.key(), path.key()});
      if (probe != reads->probes_.end() &&
          recall_.IsFresh(*reads, at_.Join(path))) {
        return probe->second;
      }
    }
    return recall_.Miss();
  }

  absl::StatusOr<ReadResult> Read(const Path& path,
                                  const ReadLimits& limits) const override {
    for (const RememberedReads* reads : recall_.reads_) {
      const auto read =
          reads->reads_.find(RememberedReads::KeyOf(at_, path, limits));
      if (read != reads->reads_.end() &&
          recall_.IsFresh(*reads, at_.Join(path))) {
        return read->second;
      }
    }
    return recall_.Miss();
  }

  std::unique_ptr<Cursor> NewCursor(const Path& within) const override {
    return std::make_unique<RecallingCursor>(&recall_, at_, within);
  }

 private:
  Recall& recall_;
  const Path at_;
};

std::shared_ptr<const Snapshot> Recall::NewSnapshot(const Path& at) {
  return std::make_shared<RecallingSnapshot>(this, at);
}

}  // namespace restate
