#include "engine/backup/backup_writer.h"

#include <algorithm>
#include <utility>

#include "engine/commit/mount_records.h"
#include "engine/derivation/definition_codec.h"
#include "engine/value/value_proto.h"

namespace restate {

using storage::v1::BackupChunk;

std::vector<std::string> BackupRecordPrefixes() {
  return {std::string(mount_records::kDefinitionPrefix),
          std::string(kDerivationRecordPrefix)};
}

BackupWriter::BackupWriter(Controller::Checkpoint checkpoint,
                           BackupOptions options)
    : checkpoint_(std::move(checkpoint)), options_(std::move(options)) {
  for (const Lease& lease : checkpoint_.leases) {
    if (!lease.terms.session_id.empty()) presence_.push_back(lease.path);
  }
}

absl::StatusOr<std::optional<std::string>> BackupWriter::Next() {
  BackupChunk chunk;
  // A stage that has nothing to say leaves its turn to the next.
  while (chunk.content_case() == BackupChunk::CONTENT_NOT_SET) {
    absl::Status status;
    switch (stage_) {
      case Stage::kHeader:
        FillHeader(&chunk);
        break;
      case Stage::kRecords:
        FillRecords(&chunk);
        break;
      case Stage::kEntries:
        status = FillEntries(&chunk);
        break;
      case Stage::kLeases:
        status = FillLeases(&chunk);
        break;
      case Stage::kEnd:
        *chunk.mutable_end() = end_;
        stage_ = Stage::kDone;
        break;
      case Stage::kDone:
        return std::nullopt;
    }
    if (!status.ok()) return status;
  }
  return framer_.Frame(chunk.SerializeAsString());
}

void BackupWriter::FillHeader(BackupChunk* chunk) {
  storage::v1::BackupHeader& header = *chunk->mutable_header();
  header.set_format(1);
  header.set_epoch(options_.epoch);
  header.set_revision(revision());
  header.set_time_unix_nanos(absl::ToUnixNanos(options_.time));
  header.set_server_version(options_.server_version);
  header.set_expected_entries(options_.expected_entries);
  stage_ = Stage::kRecords;
}

void BackupWriter::FillRecords(BackupChunk* chunk) {
  for (const auto& [key, value] : checkpoint_.records) {
    storage::v1::BackupRecord& record =
        *chunk->mutable_records()->add_records();
    record.set_key(key);
    record.set_value(value);
    end_.set_records(end_.records() + 1);
  }
  stage_ = Stage::kEntries;
}

bool BackupWriter::IsPresence(const Path& path) const {
  for (size_t depth = 0; depth <= path.depth(); ++depth) {
    if (std::binary_search(presence_.begin(), presence_.end(),
                           path.Ancestor(depth))) {
      return true;
    }
  }
  return false;
}

void BackupWriter::SkipPresence() {
  while (cursor_->Valid() && next_presence_ < presence_.size()) {
    const Path& path = presence_[next_presence_];
    if (cursor_->key() < path.key()) return;
    if (cursor_->key().starts_with(path.key())) {
      const std::string end = path.SubtreeEnd();
      if (end.empty()) {
        // The root itself: nothing is left.
        while (cursor_->Valid()) cursor_->Next();
        return;
      }
      cursor_->Seek(end);
    }
    ++next_presence_;
  }
}

absl::Status BackupWriter::FillEntries(BackupChunk* chunk) {
  if (cursor_ == nullptr) {
    cursor_ = checkpoint_.state->clients_tree().NewCursor(Path());
    cursor_->Seek("");
  }
  size_t bytes = 0;
  for (SkipPresence(); cursor_->Valid(); SkipPresence()) {
    if (bytes >= options_.chunk_bytes) return absl::OkStatus();
    absl::StatusOr<Value> value = cursor_->value();
    if (!value.ok()) return value.status();
    storage::v1::BackupEntry& entry =
        *chunk->mutable_entries()->add_entries();
    entry.set_path_key(std::string(cursor_->key()));
    ToProto(*value, entry.mutable_value());
    bytes += cursor_->key().size() + value->ByteSize(options_.chunk_bytes);
    end_.set_entries(end_.entries() + 1);
    cursor_->Next();
  }
  absl::Status status = cursor_->status();
  if (status.ok()) stage_ = Stage::kLeases;
  return status;
}

absl::Status BackupWriter::FillLeases(BackupChunk* chunk) {
  size_t bytes = 0;
  for (; next_lease_ < checkpoint_.leases.size(); ++next_lease_) {
    if (bytes >= options_.chunk_bytes) return absl::OkStatus();
    const Lease& lease = checkpoint_.leases[next_lease_];
    if (IsPresence(lease.path)) continue;
    // A lease may outlast what it was on.
    absl::StatusOr<NodeProbe> node =
        checkpoint_.state->clients_tree().Probe(lease.path);
    if (!node.ok()) return node.status();
    if (!node->exists()) continue;
    storage::v1::BackupLease& proto = *chunk->mutable_leases()->add_leases();
    proto.set_path_key(lease.path.key());
    proto.set_ttl_millis(absl::ToInt64Milliseconds(lease.terms.ttl));
    bytes += lease.path.key().size();
    end_.set_leases(end_.leases() + 1);
  }
  stage_ = Stage::kEnd;
  return absl::OkStatus();
}

}  // namespace restate
