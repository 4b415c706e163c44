#include "service/mounts/mount_factory.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/filesystem/filesystem_backend.h"
#include "engine/backend/filesystem/serializer/file_serializer.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/error/error.h"
#include "service/mounts/down_backend.h"
#include "service/remote/remote_mount.h"

namespace restate {
namespace {

FileFormat FormatOf(const std::string& serializer) {
  if (serializer == "yaml") return FileFormat::kYaml;
  if (serializer == "textproto") return FileFormat::kTextproto;
  return FileFormat::kJson;
}

Mount AsMount(const MountConfig& config, std::unique_ptr<Backend> backend) {
  Mount mount;
  mount.at = config.at;
  mount.backend = std::move(backend);
  mount.cache = config.cache;
  mount.identity = IdentityOf(config);
  mount.depends_on = config.address;
  return mount;
}

}  // namespace

MountFactory::MountFactory(Options options) : options_(std::move(options)) {}

absl::StatusOr<Mount> MountFactory::Open(const MountConfig& mount,
                                         Source source,
                                         Revision last_revision) {
  const absl::Status allowed = source == Source::kConfiguration
                                   ? permission().CheckConfigured(mount)
                                   : permission().CheckByRpc(mount);
  if (!allowed.ok()) return allowed;
  absl::StatusOr<std::unique_ptr<Backend>> backend =
      OpenBackend(mount, source, last_revision);
  if (!backend.ok()) return backend.status();
  return AsMount(mount, *std::move(backend));
}

Mount MountFactory::MakeDown(const MountConfig& mount,
                             const absl::Status& why) {
  return AsMount(mount, std::make_unique<DownBackend>(
                            std::string(BackendKindName(mount.backend)),
                            mount.at, why));
}

absl::StatusOr<std::unique_ptr<Backend>> MountFactory::OpenFiles(
    const MountConfig& mount, Source source) {
  FilesystemOptions files;
  files.directory = mount.directory;
  files.bounds = source == Source::kConfiguration
                     ? permission().BoundsOfConfigured()
                     : permission().BoundsByRpc(mount);
  files.jobs = options_.jobs;
  files.format = FormatOf(mount.serializer);
  files.read_only = mount.read_only;
  files.limits = options_.write_limits;
  files.umask = options_.files_umask;
  absl::StatusOr<std::unique_ptr<FilesystemBackend>> backend =
      FilesystemBackend::Open(files);
  if (!backend.ok()) return backend.status();
  return *std::move(backend);
}

absl::StatusOr<std::unique_ptr<Backend>> MountFactory::OpenBackend(
    const MountConfig& mount, Source source, Revision last_revision) {
  switch (mount.backend) {
    case BackendKind::kMemory:
      return std::make_unique<MemoryBackend>();
    case BackendKind::kRocksDb:
      if (options_.store == nullptr) {
        return MakeError(
            Reason::kNotStorable,
            absl::StrCat("the rocksdb mount at ", mount.at.ToText(),
                         " needs a data directory: start the server with "
                         "--data-dir"),
            {{"mount", mount.at.ToText()}});
      }
      return options_.store->OpenMount(mount.at);
    case BackendKind::kFilesystem:
      return OpenFiles(mount, source);
    case BackendKind::kRemote: {
      RemoteMountOptions remote;
      remote.store.address = mount.address;
      remote.store.root = mount.export_path;
      remote.store.deadline = mount.deadline;
      remote.backend.mount = mount.at;
      remote.backend.writer =
          absl::StrCat(options_.writer, mount.at.ToText());
      remote.backend.last_revision = last_revision;
      remote.backend.jobs = options_.jobs;
      if (source != Source::kCall) {
        remote.backend.first_contact = absl::ZeroDuration();
      }
      return OpenRemoteMount(std::move(remote));
    }
  }
  return absl::InternalError("unknown backend");
}

}  // namespace restate
