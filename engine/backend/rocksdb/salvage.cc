#include "engine/backend/rocksdb/salvage.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/backend/commit_store.h"
#include "engine/backend/rocksdb/disk_format.h"
#include "engine/backend/rocksdb/readable_keys.h"
#include "engine/backend/rocksdb/rocksdb_status.h"
#include "engine/backend/rocksdb/salvage_logs.h"
#include "engine/backend/rocksdb/salvage_source.h"
#include "engine/backend/rocksdb/salvage_writer.h"
#include "engine/error/error.h"

namespace restate {
namespace {

namespace fs = std::filesystem;

// What a new store that is not whole yet has in its directory.
constexpr char kIncomplete[] = "INCOMPLETE";
// How many lines that tell of a loss are kept.
constexpr size_t kMaxLosses = 1'000;

std::string NewDirectory(const std::string& directory) {
  return directory + ".salvaging";
}
std::string WorkDirectory(const std::string& directory) {
  return directory + ".salvaging-files";
}

absl::Status CannotBeMade(const std::string& directory,
                          const std::error_code& error) {
  return MakeError(
      Reason::kMountUnavailable,
      absl::StrCat("what is left of the store cannot be put into ", directory,
                   ": ", error.message(), "; see to it and try again"),
      {{"directory", directory}});
}

// What was done to the entries of a directory is on the disk.
void SyncDirectory(const fs::path& directory) {
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

// Holds the lock of a database that is not open, so that nobody opens it.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::string& directory) {
    status_ = FromRocksDb(
        ::rocksdb::Env::Default()->LockFile(directory + "/LOCK", &lock_),
        directory);
  }
  ~DirectoryLock() {
    if (lock_ != nullptr) ::rocksdb::Env::Default()->UnlockFile(lock_);
  }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  const absl::Status& status() const { return status_; }

 private:
  ::rocksdb::FileLock* lock_ = nullptr;
  absl::Status status_;
};

// What lies between two keys; nothing: from the beginning, or to the end.
struct Gap {
  std::optional<std::string> after;
  std::optional<std::string> before;
};

// Copies what can be read of a family in the data files, and gives what cannot.
std::vector<Gap> CopyFamily(const SalvageSource& source, const char* family,
                            SalvageWriter* writer) {
  std::vector<Gap> gaps;
  std::unique_ptr<::rocksdb::Iterator> at = source.NewIterator(family);
  if (at == nullptr) return gaps;
  std::optional<std::string> last;
  at->SeekToFirst();
  while (true) {
    for (; at->Valid(); at->Next()) {
      writer->Put(family, at->key().ToStringView(),
                  at->value().ToStringView());
      last = at->key().ToString();
    }
    if (at->status().ok()) return gaps;
    const std::optional<std::string> next = NextReadable(
        at.get(), last.has_value() ? *last + '\0' : std::string());
    writer->LoseRange(family, last, next);
    gaps.push_back({last, next});
    if (!next.has_value()) return gaps;
    at->Seek(*next);
  }
}

// Copies what there is in the gaps.
void CopyGaps(const SalvageSource& source, const char* family,
              const std::vector<Gap>& gaps, SalvageWriter* writer) {
  std::unique_ptr<::rocksdb::Iterator> at = source.NewIterator(family);
  if (at == nullptr) return;
  for (const Gap& gap : gaps) {
    for (at->Seek(gap.after.has_value() ? *gap.after + '\0' : std::string());
         at->Valid() &&
         (!gap.before.has_value() || at->key().compare(*gap.before) < 0);
         at->Next()) {
      writer->Put(family, at->key().ToStringView(),
                  at->value().ToStringView());
    }
  }
}

absl::Status Fill(const RocksDbOptions& options, Instance* store,
                  std::vector<std::string>* losses) {
  const std::string work = WorkDirectory(options.directory);
  absl::StatusOr<std::unique_ptr<SalvageSource>> source =
      SalvageSource::Open(options.directory, work,
                          SalvageSource::Use::kWhatOpens, losses);
  if (!source.ok()) return source.status();
  // Opened if it is needed.
  std::unique_ptr<SalvageSource> whole_files;
  SalvageWriter writer(store, losses);
  for (const char* family :
       {disk_format::kMetaFamily, disk_format::kTreeFamily,
        disk_format::kJournalFamily}) {
    const std::vector<Gap> gaps = CopyFamily(**source, family, &writer);
    if (gaps.empty()) continue;
    if (whole_files == nullptr) {
      // The gaps are named already.
      std::vector<std::string> known;
      auto opened =
          SalvageSource::Open(options.directory, work + "/whole",
                              SalvageSource::Use::kWholeFiles, &known);
      if (!opened.ok()) return opened.status();
      whole_files = *std::move(opened);
    }
    CopyGaps(*whole_files, family, gaps, &writer);
  }
  CopyLogs(options.directory, **source, &writer, losses);
  losses->push_back(
      "the history of the commits, and the answers that were kept for retries");
  return writer.Finish();
}

// What the record of a salvage says: the time, what was damaged, where the
// damaged files are, and what was lost, one line each.
std::string LossesRecord(const absl::Status& cause, const std::string& kept,
                         std::vector<std::string> losses) {
  if (losses.size() > kMaxLosses) {
    const size_t more = losses.size() - kMaxLosses;
    losses.resize(kMaxLosses);
    losses.push_back(absl::StrCat("and ", more, " losses more"));
  }
  std::string first(cause.message());
  std::replace(first.begin(), first.end(), '\n', ' ');
  std::vector<std::string> lines = {
      absl::FormatTime(absl::RFC3339_full, absl::Now(), absl::UTCTimeZone()),
      first, kept};
  lines.insert(lines.end(), losses.begin(), losses.end());
  return absl::StrJoin(lines, "\n");
}

absl::Status Complete(Instance& store, const std::string& record) {
  ::rocksdb::DB& db = store.db();
  ::rocksdb::Status status = db.Put(
      ::rocksdb::WriteOptions(), store.meta(),
      disk_format::RecordKey(kLossesRecord), disk_format::EncodeRecord(record));
  if (status.ok()) {
    status = db.Flush(::rocksdb::FlushOptions(),
                      {store.tree(), store.meta(), store.history(),
                       store.requests(), store.journal()});
  }
  return FromRocksDb(status, store.directory());
}

// The directory that the damaged files get.
std::string PlaceForDamaged(const std::string& directory) {
  for (int number = 1;; ++number) {
    const std::string name = absl::StrCat(directory, ".damaged-", number);
    std::error_code ignored;
    if (!fs::exists(name, ignored)) return name;
  }
}

absl::Status MakeStore(const RocksDbOptions& options,
                       const absl::Status& cause, const std::string& kept) {
  RocksDbOptions fresh = options;
  fresh.directory = NewDirectory(options.directory);
  fresh.create_if_missing = true;
  absl::StatusOr<std::shared_ptr<Instance>> store =
      Instance::Open(fresh, std::make_shared<InstanceCount>());
  if (!store.ok()) return store.status();
  std::vector<std::string> losses;
  absl::Status status = Fill(options, store->get(), &losses);
  if (!status.ok()) return status;
  return Complete(**store, LossesRecord(cause, kept, std::move(losses)));
}

}  // namespace

absl::Status Salvage(const RocksDbOptions& options,
                     const absl::Status& cause) {
  const std::string& directory = options.directory;
  const std::string fresh = NewDirectory(directory);
  const DirectoryLock lock(directory);
  if (!lock.status().ok()) return lock.status();

  std::error_code error;
  fs::remove_all(fresh, error);
  fs::remove_all(WorkDirectory(directory), error);
  fs::create_directory(fresh, error);
  if (error) return CannotBeMade(fresh, error);
  std::ofstream(fs::path(fresh) / kIncomplete).flush();

  const std::string kept = PlaceForDamaged(directory);
  absl::Status status = MakeStore(options, cause, kept);
  std::error_code ignored;
  fs::remove_all(WorkDirectory(directory), ignored);
  if (!status.ok()) {
    fs::remove_all(fresh, ignored);
    return status;
  }
  fs::remove(fs::path(fresh) / kIncomplete, error);
  if (error) return CannotBeMade(fresh, error);
  SyncDirectory(fresh);
  fs::rename(directory, kept, error);
  if (error) return CannotBeMade(kept, error);
  // From here FinishSalvage would go on.
  fs::rename(fresh, directory, error);
  if (error) return CannotBeMade(directory, error);
  SyncDirectory(fs::path(directory).parent_path());
  return absl::OkStatus();
}

absl::Status FinishSalvage(const std::string& directory) {
  const std::string fresh = NewDirectory(directory);
  std::error_code error;
  fs::remove_all(WorkDirectory(directory), error);
  if (!fs::exists(fresh, error)) return absl::OkStatus();
  const bool whole = !fs::exists(fs::path(fresh) / kIncomplete, error);
  const bool taken =
      fs::exists(directory, error) && !fs::is_empty(directory, error);
  if (!whole || taken) {
    fs::remove_all(fresh, error);
    return absl::OkStatus();
  }
  fs::rename(fresh, directory, error);
  if (error) return CannotBeMade(directory, error);
  SyncDirectory(fs::path(directory).parent_path());
  return absl::OkStatus();
}

absl::Status CheckContents(const Instance& instance) {
  const std::string& directory = instance.directory();
  for (::rocksdb::ColumnFamilyHandle* family :
       {instance.tree(), instance.meta(), instance.history(),
        instance.requests(), instance.journal()}) {
    const std::string name = family->GetName();
    ::rocksdb::ReadOptions options;
    options.verify_checksums = true;
    options.fill_cache = false;
    std::unique_ptr<::rocksdb::Iterator> at(
        instance.db().NewIterator(options, family));
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      const std::string_view key = at->key().ToStringView();
      const std::string_view value = at->value().ToStringView();
      bool readable = true;
      if (name == disk_format::kTreeFamily) {
        readable = disk_format::DecodeLeaf(value).ok();
      } else if (name == disk_format::kHistoryFamily) {
        readable = disk_format::ParseHistoryKey(key).has_value();
      } else if (name == disk_format::kRequestsFamily) {
        readable = disk_format::DecodeRequest(key, value).has_value();
      } else if (name == disk_format::kJournalFamily) {
        readable = disk_format::DecodeJournal(key, value).has_value();
      }
      if (!readable) {
        return DamagedStore(directory,
                            absl::StrCat("a record of ", name,
                                         " is unreadable"));
      }
    }
    absl::Status status = FromRocksDb(at->status(), directory);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace restate
