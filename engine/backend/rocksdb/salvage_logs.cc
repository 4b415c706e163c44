#include "engine/backend/rocksdb/salvage_logs.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/backend/rocksdb/disk_format.h"
#include "engine/backend/rocksdb/log_records.h"
#include "engine/backend/rocksdb/newest_log.h"
#include "rocksdb/write_batch.h"

namespace restate {
namespace {

namespace fs = std::filesystem;

// What a batch begins with: the sequence number of its first step, and how many
// there are.
constexpr size_t kBatchHeaderBytes = 12;

// Gives the steps of batches to the writer, but for those that are in files.
class Replay : public ::rocksdb::WriteBatch::Handler {
 public:
  Replay(const SalvageSource& source, SalvageWriter* writer)
      : source_(source), writer_(writer) {}

  void Begin(uint64_t sequence) {
    sequence_ = sequence;
    first_commit_.reset();
    last_commit_.reset();
  }
  // Of the batch; nothing if it has none.
  std::optional<Revision> first_commit() const { return first_commit_; }
  std::optional<Revision> last_commit() const { return last_commit_; }

  ::rocksdb::Status PutCF(uint32_t number, const ::rocksdb::Slice& key,
                          const ::rocksdb::Slice& value) override {
    const std::string family = source_.FamilyName(number);
    const std::string_view name = key.ToStringView();
    if (family == disk_format::kHistoryFamily && !first_commit_.has_value()) {
      const auto parts = disk_format::ParseHistoryKey(name);
      if (parts.has_value()) first_commit_ = parts->revision;
    }
    if (family == disk_format::kMetaFamily &&
        name == disk_format::kCommitsKey) {
      const auto commits = disk_format::DecodeCommits(value.ToStringView());
      if (commits.has_value()) last_commit_ = commits->last_committed;
    }
    if (IsNew(family)) writer_->Put(family, name, value.ToStringView());
    return ::rocksdb::Status::OK();
  }
  ::rocksdb::Status DeleteCF(uint32_t number,
                             const ::rocksdb::Slice& key) override {
    const std::string family = source_.FamilyName(number);
    if (IsNew(family)) writer_->Delete(family, key.ToStringView());
    return ::rocksdb::Status::OK();
  }
  ::rocksdb::Status DeleteRangeCF(uint32_t number,
                                  const ::rocksdb::Slice& begin,
                                  const ::rocksdb::Slice& end) override {
    const std::string family = source_.FamilyName(number);
    if (IsNew(family)) {
      writer_->DeleteRange(family, begin.ToStringView(), end.ToStringView());
    }
    return ::rocksdb::Status::OK();
  }
  ::rocksdb::Status MarkNoop(bool) override {
    return ::rocksdb::Status::OK();
  }

 private:
  // Counts a step.
  bool IsNew(const std::string& family) {
    return sequence_++ > source_.FlushedThrough(family);
  }

  const SalvageSource& source_;
  SalvageWriter* const writer_;
  uint64_t sequence_ = 0;
  std::optional<Revision> first_commit_;
  std::optional<Revision> last_commit_;
};

// Lowest byte first.
uint64_t NumberAt(std::string_view batch, size_t at, size_t bytes) {
  uint64_t number = 0;
  for (size_t i = bytes; i-- > 0;) {
    number = number << 8 | static_cast<unsigned char>(batch[at + i]);
  }
  return number;
}

// Reads logs one after the other, and tells which commits are missing.
class LogCopy {
 public:
  LogCopy(const SalvageSource& source, SalvageWriter* writer,
          std::vector<std::string>* losses)
      : writer_(writer),
        replay_(source, writer),
        losses_(losses),
        next_sequence_(source.FlushedThrough() + 1) {}

  void Read(const fs::path& file) {
    const std::string name = file.filename();
    const bool opened = log_records::ReadLog(
        file, [this](std::string_view batch) { Take(batch); },
        [this, &name](uint64_t at) {
          Lose(absl::StrCat("what the log ", name, " had at byte ", at));
        });
    if (!opened) Lose(absl::StrCat("what the log ", name, " had"));
  }

  void Lose(std::string what) {
    if (!lost_.empty()) return;
    lost_ = std::move(what);
  }

  // Nothing comes after what was lost last.
  void End() {
    if (lost_.empty()) return;
    losses_->push_back(absl::StrCat(
        lost_, ": the commits after revision ",
        std::max(last_commit_.value_or(0), writer_->last_committed())));
    lost_.clear();
  }

 private:
  void Take(std::string_view batch) {
    if (batch.size() < kBatchHeaderBytes) return;
    const uint64_t sequence = NumberAt(batch, 0, 8);
    // They follow one another without a gap, from log to log.
    if (sequence > next_sequence_) Lose("what a log that is missing had");
    next_sequence_ = sequence + NumberAt(batch, 8, 4);
    replay_.Begin(sequence);
    const ::rocksdb::WriteBatch steps{std::string(batch)};
    if (!steps.Iterate(&replay_).ok()) Lose("a batch of a log, in part");
    const std::optional<Revision> last = replay_.last_commit();
    if (!last.has_value()) return;
    if (!lost_.empty()) {
      const Revision next = replay_.first_commit().value_or(*last + 1);
      losses_->push_back(absl::StrCat(lost_, ": the commits", After(),
                                      " before revision ", next));
      lost_.clear();
    }
    last_commit_ = *last;
  }

  std::string After() const {
    return last_commit_.has_value()
               ? absl::StrCat(" after revision ", *last_commit_, " and")
               : std::string();
  }

  SalvageWriter* const writer_;
  Replay replay_;
  std::vector<std::string>* const losses_;
  // What is not there; empty: nothing.
  std::string lost_;
  std::optional<Revision> last_commit_;
  uint64_t next_sequence_;
};

}  // namespace

void CopyLogs(const std::string& directory, const SalvageSource& source,
              SalvageWriter* writer, std::vector<std::string>* losses) {
  std::map<uint64_t, fs::path> logs;
  std::error_code ignored;
  for (fs::directory_iterator it(directory, ignored), end; it != end;
       it.increment(ignored)) {
    uint64_t number = 0;
    if (it->path().extension() == ".log" &&
        absl::SimpleAtoi(it->path().stem().string(), &number)) {
      logs[number] = it->path();
    }
  }
  LogCopy copy(source, writer, losses);
  for (const auto& [number, file] : logs) copy.Read(file);
  if (!NewestLog::Check(directory).ok()) {
    copy.Lose("what the newest log, which is missing, had");
  }
  copy.End();
}

}  // namespace restate
