#include "engine/backend/rocksdb/rocksdb_store.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backend/rocksdb/data_file_probe.h"
#include "engine/backend/rocksdb/disk_format.h"
#include "engine/backend/rocksdb/newest_log.h"
#include "engine/backend/rocksdb/rocksdb_backend.h"
#include "engine/backend/rocksdb/rocksdb_history_log.h"
#include "engine/backend/rocksdb/rocksdb_status.h"
#include "engine/backend/rocksdb/room_check.h"
#include "engine/backend/rocksdb/salvage.h"
#include "engine/backend/rocksdb/tree_changes.h"
#include "engine/error/error.h"
#include "rocksdb/write_batch.h"

namespace restate {
namespace {

::rocksdb::Slice SliceOf(std::string_view bytes) {
  return ::rocksdb::Slice(bytes.data(), bytes.size());
}

absl::Status WriteBytes(Instance& instance, bool durable,
                        ::rocksdb::WriteBatch* batch) {
  ::rocksdb::WriteOptions options;
  options.sync = durable;
  return FromRocksDb(instance.db().Write(options, batch),
                     instance.directory());
}

absl::Status WriteDurably(Instance& instance, ::rocksdb::WriteBatch* batch) {
  return WriteBytes(instance, /*durable=*/true, batch);
}

void AppendRequests(const RequestChanges& changes, Instance& instance,
                    ::rocksdb::WriteBatch* batch) {
  for (const StoredRequest& request : changes.answered) {
    batch->Put(instance.requests(), disk_format::RequestKey(request.sequence),
               disk_format::EncodeRequest(request));
  }
  // Ranges that do not overlap: RocksDB keeps them until it compacts.
  if (changes.forget_before > changes.forget_from) {
    batch->DeleteRange(instance.requests(),
                       disk_format::RequestKey(changes.forget_from),
                       disk_format::RequestKey(changes.forget_before));
  }
}

void AppendRecords(const std::vector<RecordChange>& records,
                   Instance& instance, ::rocksdb::WriteBatch* batch) {
  for (const RecordChange& record : records) {
    const std::string key = disk_format::RecordKey(record.key);
    if (record.value.has_value()) {
      batch->Put(instance.meta(), key,
                 disk_format::EncodeRecord(*record.value));
    } else {
      batch->Delete(instance.meta(), key);
    }
  }
}

void AppendJournal(const CommitBatch& changes,
                   const std::map<uint32_t, Revision>& released,
                   Instance& instance, ::rocksdb::WriteBatch* batch) {
  for (const JournalRelease& release : changes.journal_releases) {
    const auto before = released.find(release.mount);
    const Revision from = before == released.end() ? 0 : before->second + 1;
    if (release.through < from) continue;
    batch->DeleteRange(
        instance.journal(), disk_format::JournalKey(release.mount, from, 0),
        disk_format::JournalKey(release.mount, release.through + 1, 0));
  }
  std::map<std::pair<uint32_t, Revision>, uint32_t> numbers;
  const auto put = [&](uint32_t mount, const Write& write) {
    const uint32_t number = numbers[{mount, write.revision}]++;
    batch->Put(instance.journal(),
               disk_format::JournalKey(mount, write.revision, number),
               disk_format::EncodeJournal(write));
  };
  for (const JournalRelease& release : changes.journal_releases) {
    for (const Write& write : release.left) put(release.mount, write);
  }
  for (const MountWrites& mount : changes.journal) {
    for (const Write& write : mount.writes) put(mount.mount, write);
  }
}

// Opens a store in which any damage is accepted; false if there is none.
absl::StatusOr<bool> AcceptDamage(const RocksDbOptions& options,
                                  std::shared_ptr<RocksDbCore>* core) {
  absl::Status damage = options.known_damage;
  if (damage.ok()) damage = CheckDataFiles(options.directory);
  if (damage.ok()) damage = (*core)->Open();
  if (damage.ok()) damage = CheckContents(**(*core)->instance());
  if (damage.ok()) return false;
  if (!absl::IsDataLoss(damage)) return damage;
  // Closed, if it was opened.
  *core = std::make_shared<RocksDbCore>(options);
  if (absl::Status status = Salvage(options, damage); !status.ok()) {
    return status;
  }
  if (absl::Status status = (*core)->Open(); !status.ok()) return status;
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RocksDbStore>> RocksDbStore::Open(
    const RocksDbOptions& options) {
  if (absl::Status status = FinishSalvage(options.directory); !status.ok()) {
    return status;
  }
  auto core = std::make_shared<RocksDbCore>(options);
  bool salvaged = false;
  if (options.accept_data_loss) {
    absl::StatusOr<bool> accepted = AcceptDamage(options, &core);
    if (!accepted.ok()) return accepted.status();
    salvaged = *accepted;
  } else if (absl::Status status = core->Open(); !status.ok()) {
    return status;
  }
  std::unique_ptr<RocksDbStore> store(new RocksDbStore(core));
  absl::StatusOr<std::shared_ptr<Instance>> instance = core->instance();
  if (!instance.ok()) return std::move(instance).status();
  store->state_ = (*instance)->state();
  store->closed_cleanly_ = (*instance)->closed_cleanly();
  store->salvaged_ = salvaged;
  return store;
}

RocksDbStore::RocksDbStore(std::shared_ptr<RocksDbCore> core)
    : core_(std::move(core)) {}

RocksDbStore::~RocksDbStore() = default;

const CommitStoreState& RocksDbStore::state() const { return state_; }

bool RocksDbStore::closed_cleanly() const { return closed_cleanly_; }

absl::StatusOr<std::unique_ptr<Backend>> RocksDbStore::OpenMount(
    const Path& at) {
  absl::StatusOr<std::shared_ptr<Instance>> opened = core_->instance();
  if (!opened.ok()) return std::move(opened).status();
  Instance& instance = **opened;
  const std::string key = std::string(disk_format::kMountKeyPrefix) + at.key();

  absl::StatusOr<std::optional<std::string>> known = instance.ReadMeta(key);
  if (!known.ok()) return std::move(known).status();
  const bool is_new = !known->has_value();
  if (is_new) {
    known = instance.ReadMeta(disk_format::kNextMountKey);
    if (!known.ok()) return std::move(known).status();
  }
  std::optional<uint32_t> mount;
  if (known->has_value()) mount = disk_format::DecodeUint32(**known);
  if (!mount.has_value() || *mount == 0 ||
      *mount == std::numeric_limits<uint32_t>::max()) {
    return DamagedStore(
        instance.directory(),
        absl::StrCat("the number of the mount at ", at.ToText(),
                     " is unreadable"));
  }
  if (is_new) {
    ::rocksdb::WriteBatch batch;
    batch.Put(instance.meta(), key, disk_format::EncodeUint32(*mount));
    batch.Put(instance.meta(), SliceOf(disk_format::kNextMountKey),
              disk_format::EncodeUint32(*mount + 1));
    if (absl::Status status = WriteDurably(instance, &batch); !status.ok()) {
      return status;
    }
  }
  return std::make_unique<RocksDbBackend>(core_, *mount, at);
}

absl::Status RocksDbStore::Commit(const CommitBatch& batch) {
  absl::StatusOr<std::shared_ptr<Instance>> instance = core_->instance();
  if (!instance.ok()) return std::move(instance).status();
  if (batch.reserved < batch.last_committed) {
    return absl::InternalError(
        absl::StrCat("commit ", batch.last_committed,
                     " is beyond the reserved revision ", batch.reserved));
  }
  // Before RocksDB needs a file that it cannot open.
  if (absl::Status left = core_->options().descriptors->Check(); !left.ok()) {
    core_->Fail(left);
    return left;
  }
  TreeChanges changes;
  for (const MountWrites& mount : batch.mounts) {
    for (const Write& write : mount.writes) changes.Add(mount.mount, write);
  }
  ::rocksdb::WriteBatch bytes;
  changes.AppendTo(&bytes, (*instance)->tree());
  bytes.Put((*instance)->meta(), SliceOf(disk_format::kCommitsKey),
            disk_format::EncodeCommits({.last_committed = batch.last_committed,
                                        .reserved = batch.reserved}));
  AppendHistory(batch.history, **instance, &bytes);
  for (const LeaseChange& change : batch.leases) {
    const std::string key =
        std::string(disk_format::kLeaseKeyPrefix) + change.path.key();
    if (change.terms.has_value()) {
      bytes.Put((*instance)->meta(), key,
                disk_format::EncodeLease(*change.terms));
    } else {
      bytes.Delete((*instance)->meta(), key);
    }
  }
  AppendRequests(batch.requests, **instance, &bytes);
  AppendRecords(batch.records, **instance, &bytes);
  AppendJournal(batch, released_, **instance, &bytes);
  if (absl::Status status = WriteBytes(**instance, batch.durable, &bytes);
      !status.ok()) {
    core_->Fail(status);
    return status;
  }
  for (const JournalRelease& release : batch.journal_releases) {
    Revision& through = released_[release.mount];
    // What was left lies below that: the next one deletes from the beginning.
    through = release.left.empty() ? std::max(through, release.through) : -1;
  }
  const uint64_t sequence = (*instance)->db().GetLatestSequenceNumber();
  for (const MountWrites& mount : batch.mounts) {
    const std::string root = disk_format::TreeKey(mount.mount, "");
    for (const Write& write : mount.writes) {
      (*instance)->hot_leaves().Wrote(root, write, sequence);
      (*instance)->dead_ranges().Wrote(root, write, sequence);
    }
  }
  core_->set_last_committed(batch.last_committed);
  return absl::OkStatus();
}

absl::Status RocksDbStore::WriteHistory(const HistoryChanges& changes) {
  absl::StatusOr<std::shared_ptr<Instance>> instance = core_->instance();
  if (!instance.ok()) return std::move(instance).status();
  ::rocksdb::WriteBatch bytes;
  AppendHistory(changes, **instance, &bytes);
  absl::Status status = WriteBytes(**instance, /*durable=*/false, &bytes);
  if (!status.ok()) core_->Fail(status);
  return status;
}

std::shared_ptr<const HistoryLog> RocksDbStore::history() const {
  return std::make_shared<RocksDbHistoryLog>(core_);
}

absl::Status RocksDbStore::ReadRequests(
    absl::FunctionRef<void(StoredRequest)> take) const {
  absl::StatusOr<std::shared_ptr<Instance>> opened = core_->instance();
  if (!opened.ok()) return std::move(opened).status();
  const Instance& instance = **opened;
  std::unique_ptr<::rocksdb::Iterator> at(instance.db().NewIterator(
      ::rocksdb::ReadOptions(), instance.requests()));
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const ::rocksdb::Slice key = at->key();
    const ::rocksdb::Slice value = at->value();
    std::optional<StoredRequest> request = disk_format::DecodeRequest(
        {key.data(), key.size()}, {value.data(), value.size()});
    if (!request.has_value()) {
      return DamagedStore(instance.directory(),
                          "the record of an answered request is unreadable");
    }
    take(*std::move(request));
  }
  return FromRocksDb(at->status(), instance.directory());
}

absl::Status RocksDbStore::ReadJournal(
    uint32_t mount, absl::FunctionRef<void(Write)> take) const {
  absl::StatusOr<std::shared_ptr<Instance>> opened = core_->instance();
  if (!opened.ok()) return std::move(opened).status();
  const Instance& instance = **opened;
  const std::string end = disk_format::EncodeUint32(mount + 1);
  const ::rocksdb::Slice upper_bound(end);
  ::rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper_bound;
  std::unique_ptr<::rocksdb::Iterator> at(
      instance.db().NewIterator(options, instance.journal()));
  std::optional<Revision> last;
  for (at->Seek(disk_format::EncodeUint32(mount)); at->Valid(); at->Next()) {
    std::optional<Write> write = disk_format::DecodeJournal(
        at->key().ToStringView(), at->value().ToStringView());
    if (!write.has_value()) {
      return DamagedStore(
          instance.directory(),
          absl::StrCat("the journal of mount ", mount, " is unreadable after ",
                       last.has_value() ? absl::StrCat("revision ", *last)
                                        : std::string("its beginning")));
    }
    last = write->revision;
    take(*std::move(write));
  }
  return FromRocksDb(at->status(), instance.directory());
}

absl::Status RocksDbStore::CanReopen() const {
  absl::Status status = CheckRoom(core_->options().directory);
  return status.ok() ? core_->options().descriptors->Check() : status;
}

absl::Status RocksDbStore::Reopen() {
  released_.clear();
  if (absl::Status status = core_->Open(); !status.ok()) return status;
  absl::StatusOr<std::shared_ptr<Instance>> instance = core_->instance();
  if (!instance.ok()) return std::move(instance).status();
  if ((*instance)->state().epoch != state_.epoch) {
    absl::Status status = DamagedStore(
        (*instance)->directory(), "another store has taken its place");
    core_->Fail(status);
    return status;
  }
  state_ = (*instance)->state();
  closed_cleanly_ = (*instance)->closed_cleanly();
  return absl::OkStatus();
}

absl::Status RocksDbStore::Close(Revision last_given) {
  absl::StatusOr<std::shared_ptr<Instance>> instance = core_->instance();
  if (!instance.ok()) return std::move(instance).status();
  ::rocksdb::WriteBatch batch;
  batch.Put((*instance)->meta(), SliceOf(disk_format::kCommitsKey),
            disk_format::EncodeCommits(
                {.last_committed = core_->last_committed(),
                 .reserved = std::max(last_given, core_->last_committed()),
                 .closed = true}));
  absl::Status status = WriteDurably(**instance, &batch);
  if (status.ok()) {
    status = FromRocksDb(
        (*instance)->db().Flush(
            ::rocksdb::FlushOptions(),
            {(*instance)->tree(), (*instance)->meta(),
             (*instance)->history(), (*instance)->requests(),
             (*instance)->journal()}),
        (*instance)->directory());
  }
  if (status.ok()) NewestLog::Forget((*instance)->directory());
  core_->Close(MakeError(
      Reason::kShuttingDown,
      absl::StrCat("the store in ", core_->options().directory,
                   " is closed")));
  return status;
}

}  // namespace restate
