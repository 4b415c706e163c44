#include "service/exports/export_service.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/error/error.h"
#include "engine/sync/mutex.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/status_adapter.h"
#include "service/exports/export_commit.h"
#include "service/remote/store_adapter.h"

namespace restate {
namespace {

constexpr size_t kMaxPageEntries = 10'000;

// What is in the way for now is UNAVAILABLE; any other error is taken for a
// final one.
absl::Status ForMounter(const absl::Status& status) {
  if (ErrorReason(status) != ReasonName(Reason::kQueueFull)) return status;
  return absl::UnavailableError(status.message());
}

}  // namespace

ExportService::ExportService(ExportServiceParts parts)
    : parts_(std::move(parts)), worker_("restate-export") {}

std::string ExportService::StoreId(const Path& path) const {
  return absl::StrCat(parts_.controller->epoch(), path.ToText());
}

absl::StatusOr<Path> ExportService::FindExport(
    const v1::Path& root, const std::string& store_id) const {
  absl::StatusOr<Path> path = DecodePath(root);
  if (!path.ok()) return Annotate(path.status(), "root: ");
  const std::vector<Path>& exports = parts_.exports;
  if (std::find(exports.begin(), exports.end(), *path) == exports.end()) {
    const std::string known = absl::StrJoin(
        exports, ", ",
        [](std::string* out, const Path& one) { out->append(one.ToText()); });
    return MakeError(
        Reason::kNotExported,
        absl::StrCat("root: this server does not export ", path->ToText(),
                     exports.empty() ? "; it exports nothing: name the path in "
                                       "`exports` of its configuration"
                                     : "; it exports ",
                     known),
        {{"path", path->ToText()}});
  }
  if (!store_id.empty() && store_id != StoreId(*path)) {
    return MakeError(Reason::kWrongStore,
                     absl::StrCat("store_id: this store is ", StoreId(*path),
                                  ", not ", store_id));
  }
  return path;
}

grpc::ServerUnaryReactor* ExportService::GetInfo(
    grpc::CallbackServerContext* context, const v1::GetInfoRequest* request,
    v1::GetInfoResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kGetInfo, context);
  absl::StatusOr<Path> path = FindExport(request->root(), "");
  if (!path.ok()) return call.Finished(path.status());
  absl::Status health = parts_.controller->Health();
  if (!health.ok()) {
    return call.Finished(absl::UnavailableError(health.message()));
  }
  StoreInfo info;
  info.name = absl::StrCat("restate ", path->ToText());
  info.store_id = StoreId(*path);
  info.version = ExportVersion(*parts_.controller, *path);
  info.limits.max_value_bytes = parts_.limits.write.max_leaf_bytes;
  info.limits.max_path_bytes = kMaxPathBytes - path->key().size();
  info.limits.max_depth = kMaxDepth - path->depth();
  EncodeInfo(info, response);
  return call.Finished(absl::OkStatus());
}

absl::StatusOr<ScanPage> ExportService::ReadPage(const Path& path,
                                                 const ScanRange& range) const {
  const std::string start = path.Join(range.start).key();
  const size_t max_entries = std::min(range.max_entries, kMaxPageEntries);
  const size_t max_bytes =
      std::min(range.max_bytes, parts_.limits.max_read_bytes);
  ScanPage page;
  size_t bytes = 0;
  const std::shared_ptr<const PublishedState> state =
      parts_.controller->Published();
  const std::unique_ptr<Cursor> cursor = 
      state->clients_tree().NewCursor(path.Join(range.within));
  for (cursor->Seek(start); cursor->Valid(); cursor->Next()) {
    if (range.exclusive && cursor->key() == start) continue;
    absl::StatusOr<Value> value = cursor->value();
    if (!value.ok()) return value.status();
    bytes += cursor->key().size() + value->ByteSize();
    if (page.entries.size() == max_entries ||
        (bytes > max_bytes && !page.entries.empty())) {
      page.more = true;
      break;
    }
    page.entries.push_back(
        {std::string(cursor->key().substr(path.key().size())),
         *std::move(value)});
  }
  if (!cursor->status().ok()) return cursor->status();
  return page;
}

grpc::ServerUnaryReactor* ExportService::Scan(
    grpc::CallbackServerContext* context, const v1::ScanRequest* request,
    v1::ScanResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kScan, context);
  absl::StatusOr<Path> path = FindExport(request->root(), request->store_id());
  if (!path.ok()) return call.Finished(path.status());
  absl::StatusOr<ScanRange> range = DecodeScan(*request);
  if (!range.ok()) return call.Finished(range.status());
  absl::StatusOr<ScanPage> page = ReadPage(*path, *range);
  if (!page.ok()) return call.Finished(page.status());
  EncodePage(*page, response);
  return call.Finished(absl::OkStatus());
}

absl::Status ExportService::CommitNow(const Path& path,
                                      const StoreBatch& batch,
                                      CommitRequest commit) {
  const StoreVersion version = ExportVersion(*parts_.controller, path);
  if (version == batch.to) return absl::OkStatus();
  if (!(version == batch.from)) {
    return MakeError(
        Reason::kWrongStore,
        absl::StrCat("the export ", path.ToText(), " was last written by \"",
                     version.writer, "\" at revision ", version.revision,
                     "; the writes were made for \"", batch.from.writer,
                     "\" at revision ", batch.from.revision),
        {{"export", path.ToText()}});
  }
  struct Outcome {
    Mutex mutex;
    CondVar decided;
    std::optional<absl::Status> status ABSL_GUARDED_BY(mutex);
  };
  const auto outcome = std::make_shared<Outcome>();
  parts_.controller->Commit(
      std::move(commit), [outcome](absl::StatusOr<CommitResult> result) {
        MutexLock lock(&outcome->mutex);
        outcome->status = result.status();
        outcome->decided.NotifyOne();
      });
  MutexLock lock(&outcome->mutex);
  while (!outcome->status.has_value()) outcome->decided.Wait(&outcome->mutex);
  return ForMounter(*outcome->status);
}

grpc::ServerUnaryReactor* ExportService::Apply(
    grpc::CallbackServerContext* context, const v1::ApplyRequest* request,
    v1::ApplyResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kApply, context);
  absl::StatusOr<Path> path = FindExport(request->root(), request->store_id());
  if (!path.ok()) return call.Finished(path.status());
  absl::StatusOr<StoreBatch> batch = DecodeBatch(*request);
  if (!batch.ok()) return call.Finished(batch.status());
  absl::StatusOr<CommitRequest> commit =
      ExportCommit(*path, *batch, parts_.limits.write);
  if (!commit.ok()) return call.Finished(commit.status());
  commit->bytes = request->ByteSizeLong();
  worker_.Post([this, call, path = *std::move(path), batch = *std::move(batch),
                commit = *std::move(commit)]() mutable {
    call.Finish(CommitNow(path, batch, std::move(commit)));
  });
  return call.reactor();
}

}  // namespace restate
