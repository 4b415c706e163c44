#include "engine/backend/rocksdb/instance.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/epoch.h"
#include "engine/backend/rocksdb/disk_format.h"
#include "engine/backend/rocksdb/log_check.h"
#include "engine/backend/rocksdb/newest_log.h"
#include "engine/backend/rocksdb/rocksdb_status.h"
#include "engine/backend/rocksdb/store_file_system.h"
#include "engine/backend/rocksdb/store_log.h"
#include "engine/clock/clock.h"
#include "engine/error/error.h"
#include "rocksdb/cache.h"
#include "rocksdb/file_system.h"
#include "rocksdb/table.h"
#include "rocksdb/write_batch.h"

namespace restate {
namespace {

constexpr size_t kPlentyOfDescriptors = 65'536;
constexpr size_t kStorePartOfDescriptors = 4;

::rocksdb::Slice SliceOf(std::string_view bytes) {
  return ::rocksdb::Slice(bytes.data(), bytes.size());
}

// Without its CURRENT file a database would be taken for one that does not
// exist yet, and be made anew over what is left of it.
absl::Status CheckNotHeadless(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::exists(fs::path(directory) / "CURRENT", error)) {
    return absl::OkStatus();
  }
  for (fs::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    const fs::path file = it->path();
    if (file.extension() == ".sst" || file.extension() == ".log") {
      return DamagedStore(directory,
                          absl::StrCat("it has the file ",
                                       file.filename().string(),
                                       " but no file CURRENT"));
    }
  }
  return absl::OkStatus();
}

::rocksdb::Options DatabaseOptions(const RocksDbOptions& options) {
  ::rocksdb::Options database;
  database.create_if_missing = options.create_if_missing;
  database.create_missing_column_families = true;
  // A write that was cut off at the end of the log was never answered. Damage
  // anywhere else is refused rather than read around.
  database.wal_recovery_mode =
      ::rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  database.paranoid_checks = true;
  database.track_and_verify_wals_in_manifest = true;
  // The meta family is small and would keep old logs from being dropped: this
  // bounds what a start has to replay.
  database.max_total_wal_size = 4 * options.write_buffer_bytes;
  database.info_log = NewStoreLog(options.directory);
  // A store that failed is opened again, and not mended meanwhile.
  database.max_bgerror_resume_count = 0;
  database.write_buffer_size = options.write_buffer_bytes;
  // All files are kept open, unless that could take what others need.
  if (const size_t limit = DescriptorLimit(); limit < kPlentyOfDescriptors) {
    database.max_open_files =
        static_cast<int>(limit / kStorePartOfDescriptors);
  }
  ::rocksdb::BlockBasedTableOptions table;
  table.block_cache = ::rocksdb::NewLRUCache(options.block_cache_bytes);
  database.table_factory.reset(::rocksdb::NewBlockBasedTableFactory(table));
  return database;
}

}  // namespace

void InstanceCount::Add() {
  MutexLock lock(&mutex_);
  ++count_;
}

void InstanceCount::Remove() {
  MutexLock lock(&mutex_);
  if (--count_ == 0) none_.NotifyAll();
}

bool InstanceCount::WaitForNone(absl::Duration at_most) {
  const SystemClock clock;
  const absl::Duration deadline = clock.Monotonic() + at_most;
  MutexLock lock(&mutex_);
  while (count_ > 0) {
    const absl::Duration left = deadline - clock.Monotonic();
    if (left <= absl::ZeroDuration()) return false;
    none_.WaitFor(&mutex_, left);
  }
  return true;
}

Instance::Instance(std::string directory, std::shared_ptr<InstanceCount> count)
    : directory_(std::move(directory)), count_(std::move(count)) {
  count_->Add();
}

Instance::~Instance() {
  if (db_ != nullptr) {
    for (::rocksdb::ColumnFamilyHandle* family : families_) {
      db_->DestroyColumnFamilyHandle(family);
    }
    db_->Close();
    // The lock on the directory is let go of here, before it is counted.
    db_.reset();
  }
  count_->Remove();
}

absl::StatusOr<std::shared_ptr<Instance>> Instance::Open(
    const RocksDbOptions& options, std::shared_ptr<InstanceCount> count) {
  std::shared_ptr<Instance> instance(
      new Instance(options.directory, std::move(count)));
  if (absl::Status status = instance->OpenDatabase(options); !status.ok()) {
    return status;
  }
  if (absl::Status status = instance->LoadState(); !status.ok()) {
    return status;
  }
  return instance;
}

absl::Status Instance::OpenDatabase(const RocksDbOptions& options) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory_, error)) {
    if (options.create_if_missing) {
      std::filesystem::create_directory(directory_, error);
    }
    if (error || !options.create_if_missing) {
      return MakeError(
          Reason::kMountUnavailable,
          absl::StrCat("there is no directory ", directory_,
                       error ? absl::StrCat(" and it cannot be made: ",
                                            error.message())
                             : std::string(),
                       "; make it, or name the one that has the store"),
          {{"directory", directory_}});
    }
  }
  const std::shared_ptr<DescriptorReserve> reserve =
      options.descriptors != nullptr ? options.descriptors
                                     : std::make_shared<DescriptorReserve>();
  if (absl::Status status = reserve->Check(); !status.ok()) return status;
  if (absl::Status status = CheckNotHeadless(directory_); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckLogs(directory_); !status.ok()) return status;
  if (absl::Status status = NewestLog::Check(directory_); !status.ok()) {
    return status;
  }
  const auto newest_log = std::make_shared<NewestLog>(directory_);
  const auto files = std::make_shared<StoreFileSystem>(
      ::rocksdb::FileSystem::Default(), reserve);
  env_ = ::rocksdb::NewCompositeEnv(files);
  ::rocksdb::Options database = DatabaseOptions(options);
  database.env = env_.get();
  database.listeners.push_back(newest_log);

  // A newer version may have more families. They have to be opened too, for
  // its format to be read.
  std::vector<std::string> names;
  if (std::filesystem::exists(
          std::filesystem::path(directory_) / "CURRENT", error)) {
    ::rocksdb::Status listed =
        ::rocksdb::DB::ListColumnFamilies(database, directory_, &names);
    if (!listed.ok()) return FromRocksDb(listed, directory_);
  }
  for (const char* name :
       {::rocksdb::kDefaultColumnFamilyName.c_str(), disk_format::kTreeFamily,
        disk_format::kMetaFamily, disk_format::kHistoryFamily,
        disk_format::kRequestsFamily, disk_format::kJournalFamily}) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(name);
    }
  }
  std::vector<::rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names) {
    descriptors.emplace_back(name, ::rocksdb::ColumnFamilyOptions(database));
  }
  ::rocksdb::DB* db = nullptr;
  ::rocksdb::Status opened = ::rocksdb::DB::Open(database, directory_,
                                                 descriptors, &families_, &db);
  if (!opened.ok()) return FromRocksDb(opened, directory_);
  db_.reset(db);
  files->set_open();
  newest_log->Note();
  for (::rocksdb::ColumnFamilyHandle* family : families_) {
    if (family->GetName() == disk_format::kTreeFamily) tree_ = family;
    if (family->GetName() == disk_format::kMetaFamily) meta_ = family;
    if (family->GetName() == disk_format::kHistoryFamily) history_ = family;
    if (family->GetName() == disk_format::kRequestsFamily) requests_ = family;
    if (family->GetName() == disk_format::kJournalFamily) journal_ = family;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> Instance::ReadMeta(
    std::string_view key) const {
  std::string value;
  ::rocksdb::Status status =
      db_->Get(::rocksdb::ReadOptions(), meta_, SliceOf(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return FromRocksDb(status, directory_);
  return value;
}

absl::Status Instance::CheckFormat(std::string_view bytes) const {
  std::optional<uint32_t> version = disk_format::DecodeUint32(bytes);
  if (!version.has_value()) {
    return DamagedStore(directory_, "its format version is unreadable");
  }
  if (*version > disk_format::kFormatVersion) {
    return MakeError(
        Reason::kMountUnavailable,
        absl::StrCat("the store in ", directory_, " has format ", *version,
                     ", and this server reads formats up to ",
                     disk_format::kFormatVersion,
                     "; it was written by a newer server: use that one"),
        {{"directory", directory_}});
  }
  return absl::OkStatus();
}

absl::Status Instance::LoadState() {
  absl::StatusOr<std::optional<std::string>> format =
      ReadMeta(disk_format::kFormatKey);
  if (!format.ok()) return std::move(format).status();
  if (!format->has_value()) return InitializeMeta();
  if (absl::Status status = CheckFormat(**format); !status.ok()) return status;

  absl::StatusOr<std::optional<std::string>> epoch =
      ReadMeta(disk_format::kEpochKey);
  if (!epoch.ok()) return std::move(epoch).status();
  absl::StatusOr<std::optional<std::string>> bytes =
      ReadMeta(disk_format::kCommitsKey);
  if (!bytes.ok()) return std::move(bytes).status();
  std::optional<disk_format::CommitsRecord> commits;
  if (bytes->has_value()) commits = disk_format::DecodeCommits(**bytes);
  if (!epoch->has_value() || (*epoch)->empty() || !commits.has_value()) {
    return DamagedStore(directory_,
                        "its epoch or its last revision is unreadable");
  }
  state_.epoch = **epoch;
  state_.last_committed = commits->last_committed;
  state_.reserved = commits->reserved;
  state_.existed = true;
  closed_cleanly_ = commits->closed;
  if (absl::Status status = LoadLeases(); !status.ok()) return status;
  return LoadRecords();
}

absl::Status Instance::LoadLeases() {
  std::unique_ptr<::rocksdb::Iterator> at(
      db_->NewIterator(::rocksdb::ReadOptions(), meta_));
  for (at->Seek(SliceOf(disk_format::kLeaseKeyPrefix));
       at->Valid() && at->key().starts_with(
                          SliceOf(disk_format::kLeaseKeyPrefix));
       at->Next()) {
    ::rocksdb::Slice key = at->key();
    key.remove_prefix(disk_format::kLeaseKeyPrefix.size());
    const std::optional<Path> path =
        disk_format::DecodePathKey(key.ToStringView());
    if (!path.has_value()) {
      return DamagedStore(directory_, "the path of a lease is unreadable");
    }
    const ::rocksdb::Slice value = at->value();
    std::optional<LeaseTerms> terms =
        disk_format::DecodeLease({value.data(), value.size()});
    if (!terms.has_value()) {
      return DamagedStore(
          directory_,
          absl::StrCat("the lease of ", path->ToText(), " is unreadable"));
    }
    state_.leases.push_back(Lease{*path, *std::move(terms)});
  }
  return FromRocksDb(at->status(), directory_);
}

absl::Status Instance::LoadRecords() {
  std::unique_ptr<::rocksdb::Iterator> at(
      db_->NewIterator(::rocksdb::ReadOptions(), meta_));
  for (at->Seek(SliceOf(disk_format::kRecordKeyPrefix));
       at->Valid() && at->key().starts_with(
                          SliceOf(disk_format::kRecordKeyPrefix));
       at->Next()) {
    ::rocksdb::Slice key = at->key();
    key.remove_prefix(disk_format::kRecordKeyPrefix.size());
    std::optional<std::string> value =
        disk_format::DecodeRecord(at->value().ToStringView());
    if (!value.has_value()) {
      return DamagedStore(directory_,
                          absl::StrCat("the record ", key.ToString(),
                                       " is unreadable"));
    }
    state_.records.emplace(key.ToString(), *std::move(value));
  }
  return FromRocksDb(at->status(), directory_);
}

absl::Status Instance::InitializeMeta() {
  // Everything below is one batch, and it is written before anything else: a
  // store that has data but no format has lost it.
  for (::rocksdb::ColumnFamilyHandle* family : families_) {
    std::unique_ptr<::rocksdb::Iterator> any(
        db_->NewIterator(::rocksdb::ReadOptions(), family));
    any->SeekToFirst();
    if (!any->status().ok()) return FromRocksDb(any->status(), directory_);
    if (any->Valid()) {
      return DamagedStore(directory_, "it has data but no format version");
    }
  }
  state_.epoch = NewEpoch();
  ::rocksdb::WriteBatch batch;
  batch.Put(meta_, SliceOf(disk_format::kFormatKey),
            disk_format::EncodeUint32(disk_format::kFormatVersion));
  batch.Put(meta_, SliceOf(disk_format::kEpochKey), state_.epoch);
  batch.Put(meta_, SliceOf(disk_format::kCommitsKey),
            disk_format::EncodeCommits({}));
  batch.Put(meta_, SliceOf(disk_format::kNextMountKey),
            disk_format::EncodeUint32(1));
  ::rocksdb::WriteOptions durable;
  durable.sync = true;
  return FromRocksDb(db_->Write(durable, &batch), directory_);
}

}  // namespace restate
