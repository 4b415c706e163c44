#include "engine/backup/restorer.h"

#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backup/backup_writer.h"
#include "engine/derivation/definition_codec.h"
#include "engine/error/error.h"
#include "engine/tree/tree.h"
#include "engine/value/value_proto.h"

namespace restate {
namespace {

using storage::v1::BackupChunk;

constexpr int32_t kNewestFormat = 1;

// A leaf that one server could hold, another can: its limits are about what
// clients send.
constexpr tree::WriteLimits kNoLimits = {SIZE_MAX, SIZE_MAX};

std::string WhatToDo() {
  return "delete everything (DeleteState of /, or start on a new data "
         "directory) and restore again";
}

absl::Status NotEmpty(std::string_view what) {
  return MakeError(
      Reason::kNotEmpty,
      absl::StrCat("a backup is restored into an empty server, and ",
                   std::string(what),
                   "; start one on a new data directory, or delete what is "
                   "there"));
}

}  // namespace

std::string IncompleteRestore(const Controller& controller) {
  const auto records = controller.RecordsWithPrefix(kIncompleteRestoreKey);
  if (records.empty()) return "";
  return absl::StrCat("the restore of ", records.begin()->second,
                      " has not ended, and the state is incomplete: unless it "
                      "is still under way, ",
                      WhatToDo());
}

Restorer::Restorer(Controller* controller, RestoreOptions options,
                   RestoreProgress* progress)
    : controller_(controller),
      options_(std::move(options)),
      progress_(progress) {}

absl::Status Restorer::Fail(absl::Status status) {
  status_ = begun_ ? Annotate(status,
                              absl::StrCat("the restore has stopped and the "
                                           "state is incomplete: ",
                                           WhatToDo(), "; "))
                   : std::move(status);
  return status_;
}

absl::Status Restorer::Feed(std::string_view bytes) {
  if (!status_.ok()) return status_;
  unframer_.Append(bytes);
  absl::Status status = FeedChunks();
  return status.ok() ? status : Fail(std::move(status));
}

absl::Status Restorer::FeedChunks() {
  while (true) {
    const uint64_t number = unframer_.next_chunk();
    absl::StatusOr<std::optional<std::string>> payload = unframer_.Next();
    if (!payload.ok()) return payload.status();
    if (!payload->has_value()) return absl::OkStatus();
    absl::Status status = TakeChunk(number, **payload);
    if (!status.ok()) return status;
  }
}

absl::Status Restorer::TakeChunk(uint64_t number, const std::string& payload) {
  BackupChunk chunk;
  if (!chunk.ParseFromString(payload)) {
    return DamagedChunk(number, "does not parse");
  }
  Stage stage = Stage::kHeader;
  switch (chunk.content_case()) {
    case BackupChunk::kHeader:
      if (number > 0) return DamagedChunk(number, "is a header");
      stage_ = Stage::kRecords;
      return Begin(chunk.header());
    case BackupChunk::kRecords:
      stage = Stage::kRecords;
      break;
    case BackupChunk::kEntries:
      stage = Stage::kEntries;
      break;
    case BackupChunk::kLeases:
      stage = Stage::kLeases;
      break;
    case BackupChunk::kEnd:
      stage = Stage::kEnded;
      break;
    case BackupChunk::CONTENT_NOT_SET:
      return DamagedChunk(number, "is of an unknown kind");
  }
  if (number == 0) return DamagedChunk(number, "is no header");
  if (stage < stage_ || stage_ == Stage::kEnded) {
    return DamagedChunk(number, "is not in its place");
  }
  if (stage != stage_) last_path_.reset();
  stage_ = stage;
  switch (stage) {
    case Stage::kRecords:
      return TakeRecords(chunk.records());
    case Stage::kEntries:
      return TakeEntries(number, chunk.entries());
    case Stage::kLeases:
      return TakeLeases(number, chunk.leases());
    case Stage::kHeader:
    case Stage::kEnded:
      break;
  }
  end_ = chunk.end();
  if (end_.records() != result_.records || end_.entries() != result_.entries ||
      end_.leases() != result_.leases) {
    return DamagedChunk(number, "counts other things than came before it");
  }
  return absl::OkStatus();
}

absl::Status Restorer::CheckEmpty() const {
  const auto state = controller_->Published();
  std::unique_ptr<Cursor> cursor = state->tree().NewCursor(Path());
  cursor->Seek("");
  if (cursor->Valid()) {
    return NotEmpty(absl::StrCat(
        "this one holds ", Path::FromKey(std::string(cursor->key())).ToText()));
  }
  if (!cursor->status().ok()) return cursor->status();
  // What an incomplete one has mounted may be mounted again.
  if (!controller_->RecordsWithPrefix(kIncompleteRestoreKey).empty()) {
    return absl::OkStatus();
  }
  for (const std::string& prefix : BackupRecordPrefixes()) {
    if (!controller_->RecordsWithPrefix(prefix).empty()) {
      return NotEmpty(
          "this one has mounts or derivations of its own, made while it ran");
    }
  }
  return absl::OkStatus();
}

absl::Status Restorer::Begin(const storage::v1::BackupHeader& header) {
  if (header.format() != kNewestFormat) {
    return MakeError(
        Reason::kInvalidRequest,
        absl::StrCat("the backup has format ", header.format(),
                     ", and this server reads format ", kNewestFormat,
                     "; it was made by restated ", header.server_version(),
                     ": restore it with that one or a newer one"));
  }
  result_.backup_epoch = header.epoch();
  result_.backup_revision = header.revision();
  progress_->expected_entries = header.expected_entries();
  if (absl::Status status = CheckEmpty(); !status.ok()) return status;
  CommitRequest request;
  request.preconditions.push_back(Equals{Path(), Value::EmptyMap()});
  request.records.push_back(
      {kIncompleteRestoreKey, absl::StrCat("revision ", header.revision(),
                                           " of epoch ", header.epoch())});
  absl::Status status = Commit(std::move(request));
  if (status.ok()) begun_ = true;
  return status;
}

absl::Status Restorer::TakeRecords(const storage::v1::BackupRecords& records) {
  std::map<std::string, std::string> made;
  for (const storage::v1::BackupRecord& record : records.records()) {
    ++result_.records;
    if (!record.key().starts_with(kDerivationRecordPrefix)) {
      made.emplace(record.key(), record.value());
      continue;
    }
    absl::StatusOr<StoredDefinition> stored = DecodeDefinition(record.value());
    if (!stored.ok()) return stored.status();
    definitions_.push_back(std::move(stored->definition));
  }
  if (options_.restore_records) {
    absl::Status status = options_.restore_records(made);
    // Mounting is a commit too.
    result_.revision = controller_->Published()->revision();
    return status;
  }
  CommitRequest request;
  for (const auto& [key, value] : made) request.records.push_back({key, value});
  return Commit(std::move(request));
}

absl::StatusOr<Path> Restorer::TakePath(uint64_t number,
                                        const std::string& key) {
  std::vector<std::string> segments;
  if (!key.empty() && key.back() != '\0') {
    return DamagedChunk(number, "has a path that does not end");
  }
  for (std::string_view segment : Segments(key)) {
    segments.emplace_back(segment);
  }
  absl::StatusOr<Path> path = Path::FromSegments(segments);
  if (!path.ok()) return DamagedChunk(number, "has an invalid path");
  if (last_path_.has_value() && !(*last_path_ < *path)) {
    return DamagedChunk(number, "has paths that are not in order");
  }
  last_path_ = *path;
  return path;
}

absl::Status Restorer::TakeEntries(
    uint64_t number, const storage::v1::BackupEntries& entries) {
  for (const storage::v1::BackupEntry& entry : entries.entries()) {
    absl::StatusOr<Path> path = TakePath(number, entry.path_key());
    if (!path.ok()) return path.status();
    absl::StatusOr<Value> value = FromProto(entry.value());
    if (value.ok()) value = tree::Canonicalize(*value, *path, kNoLimits);
    if (!value.ok() || (value->is_map() && !value->is_empty_map())) {
      return DamagedChunk(number, absl::StrCat("has an invalid value at ",
                                               path->ToText()));
    }
    // Parents come first: there is nothing below yet that this would take away.
    SetOperation set;
    set.path = *std::move(path);
    const size_t bytes = set.path.key().size() + value->ByteSize();
    set.value = *std::move(value);
    absl::Status status = Add(std::move(set), bytes);
    if (!status.ok()) return status;
    ++result_.entries;
  }
  return Flush();
}

absl::Status Restorer::TakeLeases(uint64_t number,
                                  const storage::v1::BackupLeases& leases) {
  for (const storage::v1::BackupLease& lease : leases.leases()) {
    absl::StatusOr<Path> path = TakePath(number, lease.path_key());
    if (!path.ok()) return path.status();
    if (lease.ttl_millis() <= 0) {
      return DamagedChunk(number, absl::StrCat("has an invalid lease at ",
                                               path->ToText()));
    }
    // This changes nothing where something is, and puts a lease on it.
    SetOperation set;
    set.path = *std::move(path);
    set.value = Value::EmptyMap();
    set.mode = WriteMode::kMerge;
    set.ttl = absl::Milliseconds(lease.ttl_millis());
    const size_t bytes = set.path.key().size();
    absl::Status status = Add(std::move(set), bytes);
    if (!status.ok()) return status;
    ++result_.leases;
  }
  return Flush();
}

absl::Status Restorer::Add(Operation operation, size_t bytes) {
  commit_.operations.push_back(std::move(operation));
  commit_.bytes += bytes;
  if (commit_.operations.size() < options_.commit_entries &&
      commit_.bytes < options_.commit_bytes) {
    return absl::OkStatus();
  }
  return Flush();
}

absl::Status Restorer::Flush() {
  if (commit_.operations.empty()) return absl::OkStatus();
  commit_.preconditions.push_back(
      UnchangedSince{Path(), result_.revision, View::kAll});
  absl::Status status = Commit(std::exchange(commit_, CommitRequest()));
  if (status.ok()) progress_->entries = result_.entries;
  return status;
}

absl::Status Restorer::Commit(CommitRequest request) {
  std::promise<absl::StatusOr<CommitResult>> done;
  controller_->Commit(std::move(request),
                      [&done](absl::StatusOr<CommitResult> result) {
                        done.set_value(std::move(result));
                      });
  absl::StatusOr<CommitResult> result = done.get_future().get();
  if (result.ok()) {
    result_.revision = result->revision;
    return absl::OkStatus();
  }
  if (result.status().code() == absl::StatusCode::kAborted) {
    return NotEmpty("somebody else writes to this one");
  }
  return result.status();
}

absl::StatusOr<RestoreResult> Restorer::Finish() {
  if (!status_.ok()) return status_;
  if (stage_ != Stage::kEnded) {
    return Fail(DamagedChunk(unframer_.next_chunk(),
                             unframer_.pending_bytes() > 0
                                 ? "is cut off: the bytes end in it"
                                 : "is not there: the bytes end before it"));
  }
  if (unframer_.pending_bytes() > 0) {
    return Fail(DamagedChunk(unframer_.next_chunk(),
                             "is not expected: the backup ended before it"));
  }
  // What is derived is computed from what was restored.
  for (Definition& definition : definitions_) {
    CommitRequest define;
    define.derivation = DefineDerivation{std::move(definition), false};
    if (absl::Status status = Commit(std::move(define)); !status.ok()) {
      return Fail(std::move(status));
    }
  }
  CommitRequest request;
  request.preconditions.push_back(
      UnchangedSince{Path(), result_.revision, View::kAll});
  request.records.push_back({kIncompleteRestoreKey, std::nullopt});
  if (absl::Status status = Commit(std::move(request)); !status.ok()) {
    return Fail(std::move(status));
  }
  return result_;
}

}  // namespace restate
