#include "service/exports/export_commit.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/value/value.h"
#include "restate/v1/backend_service.pb.h"
#include "service/remote/store_adapter.h"

namespace restate {
namespace {

std::string RecordKey(const Path& path) {
  return absl::StrCat("export", path.ToText());
}

SetOperation Set(const Path& path, Value value, WriteMode mode) {
  SetOperation set;
  set.path = path;
  set.value = std::move(value);
  set.mode = mode;
  set.equality.kind = Equality::Kind::kAlwaysWrite;
  return set;
}

// A merge that takes away the own value and nothing else.
SetOperation RemoveOwnValue(const Path& path) {
  SetOperation merge = Set(
      path,
      Value::MakeMap(
          Value::Map().Set(std::string(kOwnValueKey), Value::Null())),
      WriteMode::kMerge);
  merge.removes_empty_map = true;
  return merge;
}

absl::Status AddOperations(const Path& path, const Write& write,
                           const tree::WriteLimits& limits,
                           CommitRequest* commit) {
  absl::Status status = path.CheckLimits();
  if (!status.ok()) return status;
  Tree value;
  if (write.value.has_value()) {
    absl::StatusOr<Value> canonical =
        tree::Canonicalize(*write.value, path, limits);
    if (!canonical.ok()) return canonical.status();
    value = *std::move(canonical);
  }
  std::vector<Operation>& operations = commit->operations;
  if (write.scope == Write::Scope::kSubtree) {
    if (value.has_value()) {
      operations.push_back(Set(path, *std::move(value), WriteMode::kSet));
    } else {
      DeleteOperation remove;
      remove.path = path;
      operations.push_back(std::move(remove));
    }
    return absl::OkStatus();
  }
  if (value.has_value() && value->is_leaf()) {
    operations.push_back(Set(path, *std::move(value), WriteMode::kValue));
    return absl::OkStatus();
  }
  if (value.has_value() && !value->is_empty_map()) {
    return MakeError(Reason::kInvalidValue,
                     absl::StrCat(path.ToText(),
                                  ": an own value is a leaf or {}, and no map"));
  }
  operations.push_back(RemoveOwnValue(path));
  // {} is there only where nothing else is.
  if (value.has_value()) {
    operations.push_back(
        Set(path, Value::EmptyMap(), WriteMode::kIfAbsent));
  }
  return absl::OkStatus();
}

}  // namespace

StoreVersion ExportVersion(const Controller& controller, const Path& path) {
  const std::string key = RecordKey(path);
  const RecordTable::Records records = controller.RecordsWithPrefix(key);
  const auto found = records.find(key);
  v1::StoreVersion version;
  if (found != records.end()) version.ParseFromString(found->second);
  return DecodeVersion(version);
}

absl::StatusOr<CommitRequest> ExportCommit(const Path& path,
                                           const StoreBatch& batch,
                                           const tree::WriteLimits& limits) {
  CommitRequest commit;
  commit.may_write_exports = true;
  for (const Write& write : batch.writes) {
    absl::Status status =
        AddOperations(path.Join(write.path), write, limits, &commit);
    if (!status.ok()) return status;
  }
  if (!batch.more) {
    v1::StoreVersion version;
    EncodeVersion(batch.to, &version);
    commit.records.push_back({RecordKey(path), version.SerializeAsString()});
  }
  return commit;
}

}  // namespace restate
