#include "service/remote/store_adapter.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/value_adapter.h"

namespace restate {
namespace {

int64_t EncodeBound(size_t bound) {
  return bound > static_cast<size_t>(INT64_MAX) ? 0
                                                : static_cast<int64_t>(bound);
}

size_t DecodeBound(int64_t bound) {
  return bound <= 0 ? SIZE_MAX : static_cast<size_t>(bound);
}

// The engine's kinds are in the order of the protocol's, from 1 on.
v1::StoredKind EncodeKind(Value::Kind kind) {
  return static_cast<v1::StoredKind>(static_cast<int>(kind) + 1);
}
static_assert(static_cast<int>(Value::Kind::kMap) + 1 ==
              v1::STORED_KIND_EMPTY_MAP);
static_assert(static_cast<int>(Value::Kind::kBytes) + 1 ==
              v1::STORED_KIND_BYTES);

std::optional<int64_t> EncodeCount(const std::optional<uint64_t>& count) {
  if (!count.has_value()) return std::nullopt;
  return static_cast<int64_t>(std::min<uint64_t>(*count, INT64_MAX));
}

}  // namespace

void EncodeVersion(const StoreVersion& version, v1::StoreVersion* proto) {
  proto->set_writer(version.writer);
  proto->set_revision(version.revision);
}

StoreVersion DecodeVersion(const v1::StoreVersion& proto) {
  return {proto.writer(), proto.revision()};
}

void EncodeInfo(const StoreInfo& info, v1::GetInfoResponse* proto) {
  proto->set_name(info.name);
  proto->set_store_id(info.store_id);
  EncodeVersion(info.version, proto->mutable_version());
  const StoreLimits& limits = info.limits;
  v1::StoreLimits* const out = proto->mutable_limits();
  out->set_read_only(limits.read_only);
  out->set_max_value_bytes(EncodeBound(limits.max_value_bytes));
  out->set_max_segment_bytes(EncodeBound(limits.max_segment_bytes));
  out->set_max_path_bytes(EncodeBound(limits.max_path_bytes));
  out->set_max_depth(static_cast<int32_t>(
      limits.max_depth > INT32_MAX ? 0 : limits.max_depth));
  for (Value::Kind kind : limits.refused_kinds) {
    out->add_refused_kinds(EncodeKind(kind));
  }
  if (auto own_values = EncodeCount(info.size.own_values)) {
    proto->set_own_values(*own_values);
  }
  if (auto bytes = EncodeCount(info.size.bytes)) proto->set_bytes(*bytes);
}

absl::StatusOr<StoreInfo> DecodeInfo(const v1::GetInfoResponse& proto) {
  StoreInfo info;
  info.name = proto.name();
  info.store_id = proto.store_id();
  info.version = DecodeVersion(proto.version());
  const v1::StoreLimits& limits = proto.limits();
  info.limits.read_only = limits.read_only();
  info.limits.max_value_bytes = DecodeBound(limits.max_value_bytes());
  info.limits.max_segment_bytes = DecodeBound(limits.max_segment_bytes());
  info.limits.max_path_bytes = DecodeBound(limits.max_path_bytes());
  info.limits.max_depth = DecodeBound(limits.max_depth());
  for (int kind : limits.refused_kinds()) {
    if (kind < v1::STORED_KIND_NULL || kind > v1::STORED_KIND_EMPTY_MAP) {
      return MakeError(Reason::kInvalidRequest,
                       absl::StrCat("limits.refused_kinds has ", kind,
                                    ", which is no StoredKind"));
    }
    info.limits.refused_kinds.push_back(static_cast<Value::Kind>(kind - 1));
  }
  if (proto.has_own_values() && proto.own_values() >= 0) {
    info.size.own_values = static_cast<uint64_t>(proto.own_values());
  }
  if (proto.has_bytes() && proto.bytes() >= 0) {
    info.size.bytes = static_cast<uint64_t>(proto.bytes());
  }
  return info;
}

void EncodeScan(const std::string& store_id, const ScanRange& range,
                v1::ScanRequest* proto) {
  proto->set_store_id(store_id);
  EncodePath(range.within, proto->mutable_path());
  EncodePath(range.start, proto->mutable_start());
  proto->set_exclusive(range.exclusive);
  proto->set_max_entries(
      static_cast<int32_t>(std::min<size_t>(range.max_entries, INT32_MAX)));
  proto->set_max_bytes(EncodeBound(range.max_bytes));
}

absl::StatusOr<ScanRange> DecodeScan(const v1::ScanRequest& proto) {
  ScanRange range;
  absl::StatusOr<Path> path = DecodePath(proto.path());
  if (!path.ok()) return Annotate(path.status(), "path: ");
  absl::StatusOr<Path> start = DecodePath(proto.start());
  if (!start.ok()) return Annotate(start.status(), "start: ");
  if (proto.max_entries() < 1) {
    return MakeError(Reason::kInvalidRequest,
                     absl::StrCat("max_entries is ", proto.max_entries(),
                                  "; it must be at least 1"));
  }
  range.within = *std::move(path);
  range.start = *std::move(start);
  range.exclusive = proto.exclusive();
  range.max_entries = static_cast<size_t>(proto.max_entries());
  range.max_bytes = DecodeBound(proto.max_bytes());
  return range;
}

void EncodePage(const ScanPage& page, v1::ScanResponse* proto) {
  for (const OwnValue& entry : page.entries) {
    v1::StoredValue* const out = proto->add_entries();
    EncodePath(Path::FromKey(entry.key), out->mutable_path());
    EncodeValue(entry.value, v1::VALUE_ENCODING_TYPED, out->mutable_value());
  }
  proto->set_more(page.more);
}

absl::StatusOr<ScanPage> DecodePage(const v1::ScanResponse& proto) {
  ScanPage page;
  page.entries.reserve(proto.entries_size());
  for (const v1::StoredValue& entry : proto.entries()) {
    absl::StatusOr<Path> path = DecodePath(entry.path());
    if (!path.ok()) return path.status();
    absl::StatusOr<Value> value = DecodeValue(entry.value());
    if (!value.ok()) {
      return Annotate(value.status(), absl::StrCat(path->ToText(), ": "));
    }
    page.entries.push_back({path->key(), *std::move(value)});
  }
  page.more = proto.more();
  return page;
}

void EncodeBatch(const std::string& store_id, const StoreBatch& batch,
                 v1::ApplyRequest* proto) {
  proto->set_store_id(store_id);
  EncodeVersion(batch.from, proto->mutable_from());
  EncodeVersion(batch.to, proto->mutable_to());
  for (const Write& write : batch.writes) {
    v1::StoreWrite* const out = proto->add_writes();
    EncodePath(write.path, out->mutable_path());
    out->set_scope(write.scope == Write::Scope::kOwnValue
                       ? v1::WRITE_SCOPE_OWN_VALUE
                       : v1::WRITE_SCOPE_SUBTREE);
    if (write.value.has_value()) {
      EncodeValue(*write.value, v1::VALUE_ENCODING_TYPED,
                  out->mutable_value());
    }
  }
  proto->set_more(batch.more);
}

absl::StatusOr<StoreBatch> DecodeBatch(const v1::ApplyRequest& proto) {
  StoreBatch batch;
  batch.from = DecodeVersion(proto.from());
  batch.to = DecodeVersion(proto.to());
  if (batch.to.writer.empty()) {
    return MakeError(Reason::kInvalidRequest,
                     "to.writer is empty: name the server that writes");
  }
  batch.more = proto.more();
  for (const v1::StoreWrite& write : proto.writes()) {
    const std::string where = absl::StrCat("writes[", batch.writes.size(), "]");
    Write out;
    absl::StatusOr<Path> path = DecodePath(write.path());
    if (!path.ok()) {
      return Annotate(path.status(), absl::StrCat(where, ".path: "));
    }
    out.path = *std::move(path);
    switch (write.scope()) {
      case v1::WRITE_SCOPE_UNSPECIFIED:
      case v1::WRITE_SCOPE_SUBTREE:
        break;
      case v1::WRITE_SCOPE_OWN_VALUE:
        out.scope = Write::Scope::kOwnValue;
        break;
      default:
        return MakeError(Reason::kInvalidRequest,
                         absl::StrCat(where, ".scope is ", write.scope(),
                                      ", which is no WriteScope"));
    }
    if (write.has_value()) {
      absl::StatusOr<Value> value = DecodeValue(write.value());
      if (!value.ok()) {
        return Annotate(value.status(), absl::StrCat(where, ".value: "));
      }
      out.value = *std::move(value);
    }
    out.revision = batch.to.revision;
    batch.writes.push_back(std::move(out));
  }
  return batch;
}

}  // namespace restate
