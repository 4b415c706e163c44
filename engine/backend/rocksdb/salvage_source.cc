#include "engine/backend/rocksdb/salvage_source.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/backend/rocksdb/data_file_probe.h"
#include "engine/backend/rocksdb/disk_format.h"
#include "engine/backend/rocksdb/store_log.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"

namespace restate {
namespace {

namespace fs = std::filesystem;

// The families in the order in which they are made, which gives their numbers
// where no file tells.
constexpr const char* kFamiliesByNumber[] = {
    "default",
    disk_format::kTreeFamily,
    disk_format::kMetaFamily,
    disk_format::kHistoryFamily,
    disk_format::kRequestsFamily,
    disk_format::kJournalFamily,
};

bool IsManifest(const fs::path& file) {
  return absl::StartsWith(file.filename().string(), "MANIFEST-");
}

absl::Status NoCopy(const fs::path& file, const std::error_code& error) {
  return MakeError(
      Reason::kMountUnavailable,
      absl::StrCat("what is left of the store cannot be salvaged: ",
                   file.string(), ": ", error.message(),
                   "; make room, or see to the permissions, and try again"));
}

::rocksdb::Options ReadingOptions(const std::string& work) {
  ::rocksdb::Options options;
  options.paranoid_checks = false;
  options.info_log = NewStoreLog(work);
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SalvageSource>> SalvageSource::Open(
    const std::string& directory, const std::string& work, Use use,
    std::vector<std::string>* losses) {
  std::unique_ptr<SalvageSource> source(
      new SalvageSource(directory, work, use, losses));
  if (absl::Status status = source->LinkFiles(); !status.ok()) return status;
  const bool opened = source->PrepareCurrent() && source->OpenDatabase();
  if (!opened) {
    losses->push_back(
        "the MANIFEST, which tells which data files count: all files that are "
        "there were taken, and paths may read as they did earlier, deleted ones "
        "too");
  }
  if (source->DropBroken(opened) || !opened) {
    source->Close();
    if (!source->Rebuild() || !source->OpenDatabase()) {
      losses->push_back("every data file");
      source->Close();
    }
  }
  source->NoteFlushed();
  return source;
}

SalvageSource::~SalvageSource() { Close(); }

absl::Status SalvageSource::LinkFiles() {
  std::error_code error;
  fs::create_directory(work_, error);
  if (error) return NoCopy(work_, error);
  fs::directory_iterator it(directory_, error);
  if (error) return NoCopy(directory_, error);
  for (const fs::directory_iterator end; it != end; it.increment(error)) {
    if (error) return NoCopy(directory_, error);
    const fs::path to = fs::path(work_) / it->path().filename();
    if (it->path().extension() == ".sst") {
      fs::create_hard_link(it->path(), to, error);
      // Not every file system has them.
      if (error) fs::copy_file(it->path(), to, error);
    } else if (IsManifest(it->path()) || it->path().filename() == "CURRENT") {
      fs::copy_file(it->path(), to, error);
    }
    if (error) return NoCopy(to, error);
  }
  return absl::OkStatus();
}

bool SalvageSource::PrepareCurrent() {
  const fs::path current = fs::path(work_) / "CURRENT";
  std::string named;
  std::getline(std::ifstream(current) >> std::ws, named);
  std::string newest;
  for (const auto& entry : fs::directory_iterator(work_)) {
    if (!IsManifest(entry.path())) continue;
    const std::string name = entry.path().filename();
    if (name == named) return true;
    newest = std::max(newest, name);
  }
  if (newest.empty()) return false;
  std::ofstream(current) << newest << "\n";
  return true;
}

bool SalvageSource::OpenDatabase() {
  const ::rocksdb::Options options = ReadingOptions(work_);
  std::vector<std::string> names;
  if (!::rocksdb::DB::ListColumnFamilies(options, work_, &names).ok()) {
    return false;
  }
  std::vector<::rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names) {
    descriptors.emplace_back(name, ::rocksdb::ColumnFamilyOptions(options));
  }
  ::rocksdb::DB* db = nullptr;
  if (!::rocksdb::DB::OpenForReadOnly(options, work_, descriptors, &families_,
                                      &db)
           .ok()) {
    return false;
  }
  db_.reset(db);
  return true;
}

bool SalvageSource::DropBroken(bool opened) {
  std::map<std::string, std::string> live;
  if (opened) {
    std::vector<::rocksdb::LiveFileMetaData> files;
    db_->GetLiveFilesMetaData(&files);
    for (const ::rocksdb::LiveFileMetaData& file : files) {
      live.emplace(file.relative_filename, file.column_family_name);
    }
  } else {
    for (const auto& entry : fs::directory_iterator(work_)) {
      if (entry.path().extension() == ".sst") {
        live.emplace(entry.path().filename(), "");
      }
    }
  }
  std::set<std::string> broken;
  for (const auto& [name, family] : live) {
    const fs::path path = fs::path(work_) / name;
    const bool missing = !fs::exists(path);
    if (!missing && ProbeDataFile(path.string(), use_ == Use::kWholeFiles) ==
                        DataFileState::kOpens) {
      continue;
    }
    broken.insert(name);
    // What is derived anew, and what begins anew, is no loss.
    if (family == disk_format::kHistoryFamily ||
        family == disk_format::kRequestsFamily) {
      continue;
    }
    losses_->push_back(absl::StrCat(
        "the data file ", name,
        family.empty() ? "" : absl::StrCat(" (", family, ")"),
        missing ? ", which is missing" : ", which cannot be opened",
        ": what it held is absent, or reads as it did earlier"));
  }
  if (broken.empty()) return false;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(work_)) {
    const std::string name = entry.path().filename();
    if (entry.path().extension() == ".sst" &&
        (broken.contains(name) || !live.contains(name))) {
      fs::remove(entry.path(), ignored);
    }
  }
  return true;
}

bool SalvageSource::Rebuild() {
  std::error_code ignored;
  bool any = false;
  for (const auto& entry : fs::directory_iterator(work_)) {
    if (IsManifest(entry.path()) || entry.path().filename() == "CURRENT") {
      fs::remove(entry.path(), ignored);
    }
    any |= entry.path().extension() == ".sst";
  }
  if (!any) return false;
  ::rocksdb::Options options = ReadingOptions(work_);
  options.create_if_missing = true;
  return ::rocksdb::RepairDB(work_, options).ok();
}

void SalvageSource::NoteFlushed() {
  if (db_ == nullptr) return;
  std::vector<::rocksdb::LiveFileMetaData> files;
  db_->GetLiveFilesMetaData(&files);
  for (const ::rocksdb::LiveFileMetaData& file : files) {
    uint64_t& through = flushed_[file.column_family_name];
    through = std::max<uint64_t>(through, file.largest_seqno);
  }
}

void SalvageSource::Close() {
  for (::rocksdb::ColumnFamilyHandle* family : families_) {
    db_->DestroyColumnFamilyHandle(family);
  }
  families_.clear();
  db_.reset();
}

std::unique_ptr<::rocksdb::Iterator> SalvageSource::NewIterator(
    std::string_view family) const {
  for (::rocksdb::ColumnFamilyHandle* handle : families_) {
    if (handle->GetName() != family) continue;
    ::rocksdb::ReadOptions options;
    options.verify_checksums = true;
    options.fill_cache = false;
    return std::unique_ptr<::rocksdb::Iterator>(
        db_->NewIterator(options, handle));
  }
  return nullptr;
}

std::string SalvageSource::FamilyName(uint32_t number) const {
  for (::rocksdb::ColumnFamilyHandle* handle : families_) {
    if (handle->GetID() == number) return handle->GetName();
  }
  return number < std::size(kFamiliesByNumber) ? kFamiliesByNumber[number] : "";
}

uint64_t SalvageSource::FlushedThrough(std::string_view family) const {
  const auto found = flushed_.find(family);
  return found == flushed_.end() ? 0 : found->second;
}

uint64_t SalvageSource::FlushedThrough() const {
  uint64_t through = 0;
  for (const auto& [family, last] : flushed_) {
    through = std::max(through, last);
  }
  return through;
}

}  // namespace restate
