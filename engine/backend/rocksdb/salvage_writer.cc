#include "engine/backend/rocksdb/salvage_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/backend/rocksdb/disk_format.h"
#include "engine/backend/rocksdb/rocksdb_status.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"
#include "engine/path/path.h"

namespace restate {
namespace {

constexpr size_t kBatchBytes = size_t{1} << 20;
// How far above everything that is known revisions go on. Those of the lost
// commits were given to stores elsewhere, which must not take what comes for
// older. Ten times what a server reserves in one step.
constexpr Revision kMargin = 10'000'000;
// Where the values of derived paths are kept: at no path. They are computed
// anew at the start.
constexpr std::string_view kDerivedPlace = "..";
// The record in which the numbers of journals are.
constexpr std::string_view kJournalRecord = "journal/";

::rocksdb::Slice SliceOf(std::string_view bytes) {
  return ::rocksdb::Slice(bytes.data(), bytes.size());
}

std::string Printable(const std::optional<Path>& path) {
  return path.has_value() ? path->ToText() : "a path that is unreadable";
}

}  // namespace

bool SalvageWriter::Takes(std::string_view family) {
  return family == disk_format::kTreeFamily ||
         family == disk_format::kMetaFamily ||
         family == disk_format::kJournalFamily;
}

::rocksdb::ColumnFamilyHandle* SalvageWriter::FamilyOf(
    std::string_view name) const {
  if (name == disk_format::kTreeFamily) return store_->tree();
  if (name == disk_format::kMetaFamily) return store_->meta();
  return store_->journal();
}

void SalvageWriter::Put(std::string_view family, std::string_view key,
                        std::string_view value) {
  if (!Takes(family) || !status_.ok()) return;
  if (!IsReadable(family, key, value)) {
    // What it replaced is not what the path reads as either.
    Delete(family, key);
    return;
  }
  if (family == disk_format::kMetaFamily && !TakeMeta(key, value)) return;
  batch_.Put(FamilyOf(family), SliceOf(key), SliceOf(value));
  WriteIfLarge(kBatchBytes);
}

void SalvageWriter::Delete(std::string_view family, std::string_view key) {
  if (!Takes(family) || !status_.ok()) return;
  batch_.Delete(FamilyOf(family), SliceOf(key));
  WriteIfLarge(kBatchBytes);
}

void SalvageWriter::DeleteRange(std::string_view family,
                                std::string_view begin, std::string_view end) {
  if (!Takes(family) || !status_.ok()) return;
  batch_.DeleteRange(FamilyOf(family), SliceOf(begin), SliceOf(end));
  WriteIfLarge(kBatchBytes);
}

bool SalvageWriter::IsReadable(std::string_view family, std::string_view key,
                               std::string_view value) {
  if (family == disk_format::kTreeFamily) {
    absl::StatusOr<disk_format::Leaf> leaf = disk_format::DecodeLeaf(value);
    if (leaf.ok()) {
      last_committed_ = std::max(last_committed_, leaf->revision);
      return true;
    }
    if (!IsDerived(key)) {
      losses_->push_back(absl::StrCat("the value at ", PlaceOf(family, key)));
    }
    return false;
  }
  if (family == disk_format::kJournalFamily) {
    std::optional<restate::Write> write =
        disk_format::DecodeJournal(key, value);
    if (write.has_value()) {
      last_committed_ = std::max(last_committed_, write->revision);
      return true;
    }
    losses_->push_back(absl::StrCat("a write that ", PlaceOf(family, key),
                                    " has perhaps not applied yet"));
    return false;
  }
  if (key.starts_with(disk_format::kMountKeyPrefix)) {
    return disk_format::DecodeUint32(value).has_value();
  }
  if (key.starts_with(disk_format::kLeaseKeyPrefix)) {
    const std::optional<Path> path = disk_format::DecodePathKey(
        key.substr(disk_format::kLeaseKeyPrefix.size()));
    if (path.has_value() && disk_format::DecodeLease(value).has_value()) {
      return true;
    }
    losses_->push_back(absl::StrCat("the lease of ", Printable(path)));
    return false;
  }
  if (key.starts_with(disk_format::kRecordKeyPrefix)) {
    if (disk_format::DecodeRecord(value).has_value()) return true;
    losses_->push_back(absl::StrCat("the record ", PlaceOf(family, key)));
    return false;
  }
  return true;
}

bool SalvageWriter::TakeMeta(std::string_view key, std::string_view value) {
  if (key == disk_format::kFormatKey) {
    const std::optional<uint32_t> version = disk_format::DecodeUint32(value);
    if (version.has_value() && *version > disk_format::kFormatVersion) {
      status_ = MakeError(
          Reason::kMountUnavailable,
          absl::StrCat("the damaged store has format ", *version,
                       " and was written by a newer server: use that one"));
    }
    return false;
  }
  if (key == disk_format::kCommitsKey) {
    const auto commits = disk_format::DecodeCommits(value);
    if (commits.has_value()) {
      last_committed_ = std::max(last_committed_, commits->last_committed);
      reserved_ = std::max(reserved_, commits->reserved);
    }
    return false;
  }
  if (key == disk_format::kNextMountKey) {
    next_mount_ = std::max(next_mount_,
                           disk_format::DecodeUint32(value).value_or(1));
    return false;
  }
  if (key == disk_format::kEpochKey || key == disk_format::kForgottenKey ||
      key == disk_format::kHistoryClockKey ||
      key.starts_with(disk_format::kSegmentKeyPrefix)) {
    return false;
  }
  if (key.starts_with(disk_format::kMountKeyPrefix)) {
    mounts_[*disk_format::DecodeUint32(value)] =
        key.substr(disk_format::kMountKeyPrefix.size());
  }
  if (key.starts_with(disk_format::kRecordKeyPrefix)) {
    const std::string_view name =
        key.substr(disk_format::kRecordKeyPrefix.size());
    uint32_t number = 0;
    if (name.starts_with(kJournalRecord) &&
        absl::SimpleAtoi(*disk_format::DecodeRecord(value), &number)) {
      journals_[number] = name.substr(kJournalRecord.size());
    }
  }
  return true;
}

std::string SalvageWriter::PlaceOf(std::string_view family,
                                   std::string_view key) const {
  if (family == disk_format::kMetaFamily) {
    if (key.starts_with(disk_format::kRecordKeyPrefix)) {
      key.remove_prefix(disk_format::kRecordKeyPrefix.size());
    }
    std::string text(key);
    std::replace(text.begin(), text.end(), '\0', '/');
    return text;
  }
  constexpr size_t kNumberBytes = disk_format::kMountIdBytes;
  const std::optional<uint32_t> number =
      disk_format::DecodeUint32(key.substr(0, kNumberBytes));
  const bool tree = family == disk_format::kTreeFamily;
  const auto& places = tree ? mounts_ : journals_;
  std::optional<Path> path;
  if (number.has_value()) {
    const auto place = places.find(*number);
    if (place != places.end()) path = disk_format::DecodePathKey(place->second);
  }
  if (!path.has_value()) {
    return absl::StrCat("a place in mount ", number.value_or(0));
  }
  if (!tree) return absl::StrCat("the mount at ", path->ToText());
  const std::optional<Path> inside =
      disk_format::DecodePathKey(key.substr(kNumberBytes));
  if (inside.has_value()) return path->Join(*inside).ToText();
  return absl::StrCat("a place in the mount at ", path->ToText());
}

bool SalvageWriter::IsDerived(std::string_view tree_key) const {
  const std::optional<uint32_t> number = disk_format::DecodeUint32(
      tree_key.substr(0, disk_format::kMountIdBytes));
  const auto place = mounts_.find(number.value_or(0));
  return place != mounts_.end() && place->second.starts_with(kDerivedPlace);
}

void SalvageWriter::LoseRange(std::string_view family,
                              const std::optional<std::string>& after,
                              const std::optional<std::string>& before) {
  if (family == disk_format::kTreeFamily && after.has_value() &&
      before.has_value() && IsDerived(*after) && IsDerived(*before)) {
    return;
  }
  std::string_view what = "values";
  if (family == disk_format::kMetaFamily) {
    what = "records about mounts, derivations and leases";
  } else if (family == disk_format::kJournalFamily) {
    what = "writes that mounts have perhaps not applied yet,";
  }
  losses_->push_back(absl::StrCat(
      AbslView(what), " ",
      after.has_value() ? absl::StrCat("after ", PlaceOf(family, *after))
                        : std::string("from the beginning"),
      before.has_value() ? absl::StrCat(" and before ", PlaceOf(family, *before))
                         : std::string(" to the end"),
      ": they are absent, or as they were earlier"));
}

void SalvageWriter::WriteIfLarge(size_t bytes) {
  if (batch_.GetDataSize() < bytes) return;
  absl::Status status = Write();
  if (status_.ok()) status_ = std::move(status);
}

absl::Status SalvageWriter::Write() {
  ::rocksdb::WriteOptions options;
  // All of it goes to files before it counts.
  options.disableWAL = true;
  absl::Status status = FromRocksDb(store_->db().Write(options, &batch_),
                                    store_->directory());
  batch_.Clear();
  return status;
}

void SalvageWriter::CompleteMounts() {
  // Which numbers the tree has.
  std::unique_ptr<::rocksdb::Iterator> at(
      store_->db().NewIterator(::rocksdb::ReadOptions(), store_->tree()));
  at->SeekToFirst();
  while (at->Valid()) {
    const uint32_t number =
        disk_format::DecodeUint32(
            at->key().ToStringView().substr(0, disk_format::kMountIdBytes))
            .value_or(0);
    if (!mounts_.contains(number)) {
      // The first number is nearly always that of the root.
      const bool root = number == 1 &&
                        std::none_of(mounts_.begin(), mounts_.end(),
                                     [](const auto& mount) {
                                       return mount.second.empty();
                                     });
      if (root) {
        batch_.Put(store_->meta(), SliceOf(disk_format::kMountKeyPrefix),
                   disk_format::EncodeUint32(number));
      }
      mounts_[number] = "";
      losses_->push_back(
          absl::StrCat("where the tree number ", number, " is mounted",
                       root ? ": it was taken for the one at /"
                            : ": its values are kept, and not shown"));
    }
    at->Seek(disk_format::TreeEnd(number));
  }
  if (!mounts_.empty()) {
    next_mount_ = std::max(next_mount_, mounts_.rbegin()->first + 1);
  }
}

absl::Status SalvageWriter::Finish() {
  if (status_.ok()) status_ = Write();
  if (!status_.ok()) return status_;
  CompleteMounts();
  batch_.Put(store_->meta(), SliceOf(disk_format::kNextMountKey),
             disk_format::EncodeUint32(next_mount_));
  batch_.Put(store_->meta(), SliceOf(disk_format::kCommitsKey),
             disk_format::EncodeCommits(
                 {.last_committed = last_committed_,
                  .reserved = std::max(reserved_, last_committed_) + kMargin}));
  batch_.Put(store_->meta(), SliceOf(disk_format::kForgottenKey),
             disk_format::EncodeRevision(last_committed_));
  return Write();
}

}  // namespace restate
