#include "service/mounts/mount_adapter.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/time_adapter.h"

namespace restate {
namespace {

absl::StatusOr<std::string> DecodeSerializer(v1::FileSerializer serializer) {
  switch (serializer) {
    case v1::FILE_SERIALIZER_UNSPECIFIED:
    case v1::FILE_SERIALIZER_JSON:
      return std::string("json");
    case v1::FILE_SERIALIZER_YAML:
      return std::string("yaml");
    case v1::FILE_SERIALIZER_TEXTPROTO:
      return std::string("textproto");
    default:
      return MakeError(Reason::kInvalidRequest,
                       absl::StrCat("serializer ", serializer,
                                    " is not one that this server knows"));
  }
}

v1::FileSerializer EncodeSerializer(const std::string& serializer) {
  if (serializer == "yaml") return v1::FILE_SERIALIZER_YAML;
  if (serializer == "textproto") return v1::FILE_SERIALIZER_TEXTPROTO;
  return v1::FILE_SERIALIZER_JSON;
}

absl::Status DecodeBackend(const v1::MountSpec& proto, MountConfig* mount) {
  switch (proto.backend_case()) {
    case v1::MountSpec::kMemory:
      mount->backend = BackendKind::kMemory;
      return absl::OkStatus();
    case v1::MountSpec::kRocksdb:
      mount->backend = BackendKind::kRocksDb;
      return absl::OkStatus();
    case v1::MountSpec::kFilesystem: {
      mount->backend = BackendKind::kFilesystem;
      mount->directory = proto.filesystem().directory();
      mount->read_only = proto.filesystem().read_only();
      absl::StatusOr<std::string> serializer =
          DecodeSerializer(proto.filesystem().serializer());
      if (!serializer.ok()) return serializer.status();
      mount->serializer = *std::move(serializer);
      return absl::OkStatus();
    }
    case v1::MountSpec::kRemote: {
      mount->backend = BackendKind::kRemote;
      mount->address = proto.remote().address();
      absl::StatusOr<Path> path = DecodePath(proto.remote().export_path());
      if (!path.ok()) return path.status();
      mount->export_path = *std::move(path);
      if (proto.remote().has_deadline()) {
        absl::StatusOr<absl::Duration> deadline =
            DecodeDuration("remote.deadline", proto.remote().deadline());
        if (!deadline.ok()) return deadline.status();
        mount->deadline = *deadline;
      }
      return absl::OkStatus();
    }
    case v1::MountSpec::BACKEND_NOT_SET:
      break;
  }
  return MakeError(Reason::kInvalidRequest,
                   "the mount names no backend: set memory, rocksdb, "
                   "filesystem or remote");
}

}  // namespace

absl::StatusOr<MountConfig> DecodeMountSpec(const v1::MountSpec& proto) {
  MountConfig mount;
  if (!proto.has_path()) {
    return MakeError(Reason::kInvalidRequest, "the mount names no path");
  }
  absl::StatusOr<Path> path = DecodePath(proto.path());
  if (!path.ok()) return path.status();
  mount.at = *std::move(path);
  if (absl::Status status = DecodeBackend(proto, &mount); !status.ok()) {
    return status;
  }
  if (proto.has_cache()) {
    const v1::CachePolicy& given = proto.cache();
    CachePolicy& cache = mount.cache.emplace();
    if (given.has_flush_interval()) {
      absl::StatusOr<absl::Duration> interval =
          DecodeDuration("cache.flush_interval", given.flush_interval());
      if (!interval.ok()) return interval.status();
      cache.flush_interval = *interval;
    }
    if (given.has_flush_on_read()) cache.flush_on_read = given.flush_on_read();
    if (given.has_flush_on_write()) {
      cache.flush_on_write = given.flush_on_write();
    }
    if (given.has_flush_on_delete()) {
      cache.flush_on_delete = given.flush_on_delete();
    }
  }
  if (absl::Status status = CheckMount(mount); !status.ok()) return status;
  return Normalized(std::move(mount));
}

v1::MountSpec EncodeMountSpec(const MountConfig& mount) {
  v1::MountSpec proto;
  EncodePath(mount.at, proto.mutable_path());
  switch (mount.backend) {
    case BackendKind::kMemory:
      proto.mutable_memory();
      break;
    case BackendKind::kRocksDb:
      proto.mutable_rocksdb();
      break;
    case BackendKind::kFilesystem:
      proto.mutable_filesystem()->set_directory(mount.directory);
      proto.mutable_filesystem()->set_serializer(
          EncodeSerializer(mount.serializer));
      proto.mutable_filesystem()->set_read_only(mount.read_only);
      break;
    case BackendKind::kRemote:
      proto.mutable_remote()->set_address(mount.address);
      EncodePath(mount.export_path,
                 proto.mutable_remote()->mutable_export_path());
      EncodeDuration(mount.deadline,
                     proto.mutable_remote()->mutable_deadline());
      break;
  }
  if (mount.cache.has_value()) {
    v1::CachePolicy& cache = *proto.mutable_cache();
    EncodeDuration(mount.cache->flush_interval, cache.mutable_flush_interval());
    cache.set_flush_on_read(mount.cache->flush_on_read);
    cache.set_flush_on_write(mount.cache->flush_on_write);
    cache.set_flush_on_delete(mount.cache->flush_on_delete);
  }
  return proto;
}

v1::MountState EncodeMountState(const MountStatus& status) {
  if (status.applier.has_value() && status.applier->failed) {
    return v1::MOUNT_STATE_FAILED;
  }
  switch (status.health.state) {
    case BackendHealth::State::kUp:
      return v1::MOUNT_STATE_UP;
    case BackendHealth::State::kDegraded:
      return v1::MOUNT_STATE_DEGRADED;
    case BackendHealth::State::kDown:
      return v1::MOUNT_STATE_DOWN;
  }
  return v1::MOUNT_STATE_UNSPECIFIED;
}

void EncodeMountInfo(const MountStatus& status, const v1::MountSpec& spec,
                     v1::MountInfo* proto) {
  *proto->mutable_spec() = spec;
  proto->set_kind(status.kind);
  proto->set_source(status.definition.empty()
                        ? v1::MOUNT_SOURCE_CONFIGURATION
                        : v1::MOUNT_SOURCE_RPC);
  proto->set_state(EncodeMountState(status));
  for (const std::string& problem : status.health.problems) {
    proto->add_problems(problem);
  }
  proto->set_durable(status.durable);
  if (status.size.own_values.has_value()) {
    proto->set_own_values(static_cast<int64_t>(*status.size.own_values));
  }
  if (status.size.bytes.has_value()) {
    proto->set_bytes(static_cast<int64_t>(*status.size.bytes));
  }
  proto->set_writes(static_cast<int64_t>(status.writes));
  if (!status.applier.has_value()) return;
  const ApplierStatus& applier = *status.applier;
  proto->set_pending_writes(static_cast<int64_t>(applier.pending_writes));
  proto->set_pending_bytes(static_cast<int64_t>(applier.pending_bytes));
  if (applier.pending_writes > 0) {
    EncodeDuration(applier.oldest_pending_age,
                   proto->mutable_oldest_pending_age());
  }
  proto->set_applied_revision(applier.applied_revision);
  proto->set_failed_attempts(static_cast<int64_t>(applier.failed_attempts));
}

}  // namespace restate
