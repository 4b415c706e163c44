#include "engine/backend/rocksdb/rocksdb_history_log.h"

#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "engine/backend/rocksdb/disk_format.h"
#include "engine/backend/rocksdb/rocksdb_status.h"

namespace restate {
namespace {

::rocksdb::Slice SliceOf(std::string_view bytes) {
  return ::rocksdb::Slice(bytes.data(), bytes.size());
}

std::string_view ViewOf(const ::rocksdb::Slice& slice) {
  return std::string_view(slice.data(), slice.size());
}

}  // namespace

absl::StatusOr<HistoryLog::Outline> RocksDbHistoryLog::ReadOutline() const {
  absl::StatusOr<std::shared_ptr<Instance>> instance = core_->instance_to_read();
  if (!instance.ok()) return std::move(instance).status();
  const std::string& directory = (*instance)->directory();

  Outline outline;
  absl::StatusOr<std::optional<std::string>> forgotten =
      (*instance)->ReadMeta(disk_format::kForgottenKey);
  if (!forgotten.ok()) return std::move(forgotten).status();
  if (forgotten->has_value()) {
    outline.forgotten_through = disk_format::DecodeRevision(**forgotten);
    if (!outline.forgotten_through.has_value()) {
      return DamagedStore(directory,
                          "where its history begins is unreadable");
    }
  }
  absl::StatusOr<std::optional<std::string>> clock =
      (*instance)->ReadMeta(disk_format::kHistoryClockKey);
  if (!clock.ok()) return std::move(clock).status();
  if (clock->has_value()) {
    const std::optional<absl::Duration> set_ahead =
        disk_format::DecodeDuration(**clock);
    if (!set_ahead.has_value()) {
      return DamagedStore(directory, "the clock of its history is unreadable");
    }
    outline.clock_set_ahead = *set_ahead;
  }
  std::unique_ptr<::rocksdb::Iterator> it((*instance)->db().NewIterator(
      ::rocksdb::ReadOptions(), (*instance)->meta()));
  for (it->Seek(SliceOf(disk_format::kSegmentKeyPrefix));
       it->Valid() && it->key().starts_with(
                          SliceOf(disk_format::kSegmentKeyPrefix));
       it->Next()) {
    std::optional<HistorySegment> segment =
        disk_format::DecodeSegment(ViewOf(it->key()), ViewOf(it->value()));
    if (!segment.has_value()) {
      return DamagedStore(directory, "a segment of its history is unreadable");
    }
    outline.segments.push_back(*segment);
  }
  if (!it->status().ok()) return FromRocksDb(it->status(), directory);
  return outline;
}

absl::Status RocksDbHistoryLog::Read(
    Revision after, Revision through,
    absl::FunctionRef<bool(const Record& record)> visit) const {
  if (after >= through) return absl::OkStatus();
  absl::StatusOr<std::shared_ptr<Instance>> instance = core_->instance_to_read();
  if (!instance.ok()) return std::move(instance).status();
  const std::string end = disk_format::HistoryKey(through + 1);
  const ::rocksdb::Slice upper_bound(end);
  ::rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper_bound;
  std::unique_ptr<::rocksdb::Iterator> it(
      (*instance)->db().NewIterator(options, (*instance)->history()));
  for (it->Seek(disk_format::HistoryKey(after + 1)); it->Valid(); it->Next()) {
    std::optional<disk_format::HistoryKeyParts> parts =
        disk_format::ParseHistoryKey(ViewOf(it->key()));
    if (!parts.has_value() ||
        (parts->stop.has_value() &&
         ViewOf(it->value()) != disk_format::kStopRecord)) {
      return DamagedStore((*instance)->directory(),
                          absl::StrCat("its history is unreadable after "
                                       "revision ",
                                       after));
    }
    Record record;
    record.revision = parts->revision;
    record.stored_bytes = it->key().size() + it->value().size();
    record.stop = parts->stop;
    if (!record.stop.has_value()) record.bytes = ViewOf(it->value());
    if (!visit(record)) return absl::OkStatus();
  }
  return FromRocksDb(it->status(), (*instance)->directory());
}

void AppendHistory(const HistoryChanges& changes, const Instance& instance,
                   ::rocksdb::WriteBatch* batch) {
  if (changes.forget_through.has_value()) {
    const Revision through = *changes.forget_through;
    batch->DeleteRange(instance.history(), disk_format::HistoryKey(0),
                       disk_format::HistoryKey(through + 1));
    batch->DeleteRange(instance.meta(), disk_format::SegmentKey(0),
                       disk_format::SegmentKey(through + 1));
    batch->Put(instance.meta(), SliceOf(disk_format::kForgottenKey),
               disk_format::EncodeRevision(through));
  }
  for (const HistoryCommit& commit : changes.commits) {
    batch->Put(instance.history(), disk_format::HistoryKey(commit.revision),
               SliceOf(commit.bytes));
  }
  for (const HistoryStop& stop : changes.stops) {
    batch->Put(instance.history(), disk_format::StopKey(stop),
               SliceOf(disk_format::kStopRecord));
  }
  if (changes.segment.has_value()) {
    batch->Put(instance.meta(),
               disk_format::SegmentKey(changes.segment->last),
               disk_format::EncodeSegment(*changes.segment));
  }
  if (changes.clock_set_ahead.has_value()) {
    batch->Put(instance.meta(), SliceOf(disk_format::kHistoryClockKey),
               disk_format::EncodeDuration(*changes.clock_set_ahead));
  }
}

}  // namespace restate
