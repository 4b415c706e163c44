#include "service/adapters/operation_adapter.h"

#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"
#include "engine/tree/tree.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/request_fields.h"
#include "service/adapters/value_adapter.h"

namespace restate {
namespace {

constexpr absl::Duration kLongestTtl = absl::Hours(24 * 365);

absl::Status InvalidRequest(std::string_view message) {
  return MakeError(Reason::kInvalidRequest, message);
}

absl::Status InvalidValue(std::string_view message) {
  return MakeError(Reason::kInvalidValue, message);
}

absl::StatusOr<WriteMode> DecodeMode(v1::WriteMode mode) {
  switch (mode) {
    case v1::WRITE_MODE_UNSPECIFIED:
    case v1::WRITE_MODE_SET:
      return WriteMode::kSet;
    case v1::WRITE_MODE_VALUE:
      return WriteMode::kValue;
    case v1::WRITE_MODE_MERGE:
      return WriteMode::kMerge;
    case v1::WRITE_MODE_IF_ABSENT:
      return WriteMode::kIfAbsent;
    case v1::WRITE_MODE_ADD:
      return WriteMode::kAdd;
    case v1::WRITE_MODE_APPEND:
      return WriteMode::kAppend;
    default:
      return UnknownEnumNumber("mode", mode);
  }
}

// Whether the mode can do anything with a value of this kind. `value` is
// canonical, except for MERGE.
absl::Status CheckKind(WriteMode mode, const Value& value) {
  switch (mode) {
    case WriteMode::kSet:
    case WriteMode::kMerge:
    case WriteMode::kIfAbsent:
      return absl::OkStatus();
    case WriteMode::kValue:
      if (value.is_leaf()) return absl::OkStatus();
      return InvalidValue(
          "value: WRITE_MODE_VALUE writes a node's own value, which must be a "
          "leaf and no map; write maps with SET or MERGE");
    case WriteMode::kAdd:
      if (value.is_number()) return absl::OkStatus();
      return InvalidValue("value: WRITE_MODE_ADD takes a number");
    case WriteMode::kAppend:
      if (value.kind() == Value::Kind::kList ||
          value.kind() == Value::Kind::kString) {
        return absl::OkStatus();
      }
      return InvalidValue("value: WRITE_MODE_APPEND takes a list or a string");
  }
  return absl::OkStatus();
}

absl::StatusOr<Equality> DecodeEquality(const v1::Equality& proto,
                                        WriteMode mode) {
  Equality equality;
  switch (proto.kind_case()) {
    case v1::Equality::KIND_NOT_SET:
      return equality;
    case v1::Equality::kMode:
      switch (proto.mode()) {
        case v1::EQUALITY_MODE_UNSPECIFIED:
        case v1::EQUALITY_MODE_EQUAL:
          return equality;
        case v1::EQUALITY_MODE_ALWAYS_WRITE:
          equality.kind = Equality::Kind::kAlwaysWrite;
          return equality;
        default:
          return UnknownEnumNumber("equality.mode", proto.mode());
      }
    case v1::Equality::kFields:
    case v1::Equality::kLua:
      break;
  }
  if (mode != WriteMode::kSet && mode != WriteMode::kValue) {
    return InvalidRequest(
        proto.kind_case() == v1::Equality::kLua
            ? "equality.lua goes with WRITE_MODE_SET and WRITE_MODE_VALUE only"
            : "equality.fields goes with WRITE_MODE_SET and WRITE_MODE_VALUE "
              "only");
  }
  if (proto.kind_case() == v1::Equality::kLua) {
    if (proto.lua().source().empty()) {
      return InvalidRequest("equality.lua.source is empty");
    }
    equality.kind = Equality::Kind::kLua;
    equality.lua = proto.lua().source();
    return equality;
  }
  if (proto.fields().paths().empty()) {
    return InvalidRequest("equality.fields.paths is empty: name a field");
  }
  equality.kind = Equality::Kind::kFields;
  equality.fields.reserve(proto.fields().paths_size());
  for (const std::string& text : proto.fields().paths()) {
    absl::StatusOr<Path> field = Path::Parse(text);
    if (!field.ok()) {
      return Annotate(field.status(),
                      absl::StrCat("equality.fields.paths[",
                                   equality.fields.size(), "]: "));
    }
    equality.fields.push_back(*std::move(field));
  }
  return equality;
}

// A value whose map keys are checked and which is made canonical. `field` is
// its name, for messages.
absl::StatusOr<Value> DecodeTree(const v1::Value& proto, const Path& path,
                                 const RequestLimits& limits,
                                 std::string_view field) {
  absl::StatusOr<Value> value = DecodeValue(proto);
  if (value.ok()) value = tree::Canonicalize(*value, path, limits.write);
  if (!value.ok()) {
    return Annotate(value.status(), absl::StrCat(AbslView(field), ": "));
  }
  return value;
}

// What SetStateRequest, DeleteStateRequest, PingRequest and the operations of a
// transaction call `payload`. It is no part of the tree: any value will do.
template <typename Proto>
absl::StatusOr<Tree> DecodePayload(const Proto& proto,
                                   const RequestLimits& limits) {
  if (!proto.has_payload()) return Tree();
  absl::StatusOr<Value> payload = DecodeValue(proto.payload());
  if (!payload.ok()) return Annotate(payload.status(), "payload: ");
  const size_t limit = limits.write.max_leaf_bytes;
  if (payload->LeafBytes(limit) > limit) {
    return MakeError(Reason::kLeafTooLarge,
                     absl::StrCat("the payload is over ", limit,
                                  " bytes: write what is large into the tree "
                                  "and send its path"),
                     {{"limit", absl::StrCat(limit)}});
  }
  return Tree(*std::move(payload));
}

// The value of a write, checked against its mode.
absl::StatusOr<Value> DecodeWritten(const v1::Value& proto, WriteMode mode,
                                    const Path& path,
                                    const RequestLimits& limits) {
  absl::StatusOr<Value> value;
  if (mode == WriteMode::kMerge) {
    value = DecodeValue(proto);
    absl::Status status = value.status();
    if (status.ok()) status = CheckMergeValue(*value, path, limits.write);
    if (!status.ok()) return Annotate(status, "value: ");
  } else {
    value = DecodeTree(proto, path, limits, "value");
    if (!value.ok()) return value;
  }
  absl::Status status = CheckKind(mode, *value);
  if (!status.ok()) return status;
  return value;
}

// The `path` and `payload` that all three operations have.
template <typename Operation, typename Proto>
absl::Status DecodeTarget(const Proto& proto, const RequestLimits& limits,
                          Operation* operation) {
  absl::StatusOr<Path> path = DecodePath(proto.path());
  if (!path.ok()) return path.status();
  operation->path = *std::move(path);
  absl::StatusOr<Tree> payload = DecodePayload(proto, limits);
  if (!payload.ok()) return payload.status();
  operation->payload = *std::move(payload);
  return absl::OkStatus();
}

template <typename Proto>
absl::StatusOr<SetOperation> DecodeAnySet(const Proto& proto,
                                          const RequestLimits& limits) {
  SetOperation set;
  absl::Status status = DecodeTarget(proto, limits, &set);
  if (!status.ok()) return status;
  absl::StatusOr<WriteMode> mode = DecodeMode(proto.mode());
  if (!mode.ok()) return mode.status();
  set.mode = *mode;
  if (!proto.has_value()) {
    return InvalidRequest(
        "value is required; to write null, set json or null_value in it");
  }
  absl::StatusOr<Value> value =
      DecodeWritten(proto.value(), set.mode, set.path, limits);
  if (!value.ok()) return value.status();
  set.value = *std::move(value);
  absl::StatusOr<Equality> equality = DecodeEquality(proto.equality(), *mode);
  if (!equality.ok()) return equality.status();
  set.equality = *std::move(equality);
  if (proto.has_default_value()) {
    if (set.mode == WriteMode::kMerge) {
      return InvalidRequest("default_value does not go with WRITE_MODE_MERGE");
    }
    absl::StatusOr<Value> fallback =
        DecodeTree(proto.default_value(), set.path, limits, "default_value");
    if (!fallback.ok()) return fallback.status();
    set.default_value = *std::move(fallback);
  }
  set.skip_notify = proto.skip_notify();
  set.session_id = proto.session_id();
  if (proto.has_ttl()) {
    absl::StatusOr<absl::Duration> ttl =
        DecodeDuration("ttl", proto.ttl(), absl::Milliseconds(1), kLongestTtl);
    if (!ttl.ok()) return ttl.status();
    set.ttl = absl::Ceil(*ttl, absl::Milliseconds(1));
  }
  return set;
}

template <typename Proto>
absl::StatusOr<DeleteOperation> DecodeAnyDelete(const Proto& proto,
                                                const RequestLimits& limits) {
  DeleteOperation operation;
  absl::Status status = DecodeTarget(proto, limits, &operation);
  if (!status.ok()) return status;
  operation.skip_notify = proto.skip_notify();
  return operation;
}

template <typename Proto>
absl::StatusOr<PingOperation> DecodeAnyPing(const Proto& proto,
                                            const RequestLimits& limits) {
  PingOperation ping;
  absl::Status status = DecodeTarget(proto, limits, &ping);
  if (!status.ok()) return status;
  return ping;
}

absl::StatusOr<Precondition> DecodeUnchanged(
    const v1::Precondition::UnchangedSince& proto) {
  UnchangedSince unchanged;
  absl::StatusOr<Path> path = DecodePath(proto.path());
  if (!path.ok()) return path.status();
  unchanged.path = *std::move(path);
  absl::Status status =
      CheckRevision("unchanged_since.revision", proto.revision());
  if (!status.ok()) return status;
  unchanged.revision = proto.revision();
  absl::StatusOr<View> view = DecodeView(proto.view());
  if (!view.ok()) return view.status();
  unchanged.view = *view;
  return unchanged;
}

absl::StatusOr<Precondition> DecodeEquals(const v1::Precondition::Equals& proto,
                                          const RequestLimits& limits) {
  Equals equals;
  absl::StatusOr<Path> path = DecodePath(proto.path());
  if (!path.ok()) return path.status();
  equals.path = *std::move(path);
  if (!proto.has_value()) {
    return InvalidRequest(
        "equals.value is required; absence is tested with exists");
  }
  absl::StatusOr<Value> value =
      DecodeTree(proto.value(), equals.path, limits, "equals.value");
  if (!value.ok()) return value.status();
  equals.value = *std::move(value);
  return equals;
}

}  // namespace

absl::StatusOr<SetOperation> DecodeSet(const v1::SetStateRequest& proto,
                                       const RequestLimits& limits) {
  return DecodeAnySet(proto, limits);
}

absl::StatusOr<SetOperation> DecodeSet(const v1::SetOperation& proto,
                                       const RequestLimits& limits) {
  return DecodeAnySet(proto, limits);
}

absl::StatusOr<DeleteOperation> DecodeDelete(
    const v1::DeleteStateRequest& proto, const RequestLimits& limits) {
  return DecodeAnyDelete(proto, limits);
}

absl::StatusOr<DeleteOperation> DecodeDelete(const v1::DeleteOperation& proto,
                                             const RequestLimits& limits) {
  return DecodeAnyDelete(proto, limits);
}

absl::StatusOr<PingOperation> DecodePing(const v1::PingRequest& proto,
                                         const RequestLimits& limits) {
  return DecodeAnyPing(proto, limits);
}

absl::StatusOr<PingOperation> DecodePing(const v1::PingOperation& proto,
                                         const RequestLimits& limits) {
  return DecodeAnyPing(proto, limits);
}

absl::StatusOr<Precondition> DecodePrecondition(const v1::Precondition& proto,
                                                const RequestLimits& limits) {
  switch (proto.condition_case()) {
    case v1::Precondition::kUnchangedSince:
      return DecodeUnchanged(proto.unchanged_since());
    case v1::Precondition::kExists: {
      absl::StatusOr<Path> path = DecodePath(proto.exists().path());
      if (!path.ok()) return path.status();
      const bool exists =
          !proto.exists().has_exists() || proto.exists().exists();
      return Exists{*std::move(path), exists};
    }
    case v1::Precondition::kEquals:
      return DecodeEquals(proto.equals(), limits);
    case v1::Precondition::CONDITION_NOT_SET:
      break;
  }
  return InvalidRequest(
      "has no condition: set unchanged_since, exists or equals");
}

absl::Status CheckMergeValue(const Value& value, const Path& path,
                             const tree::WriteLimits& limits) {
  // Every rule that makes a map writable makes it mergeable. Only the canonical
  // form differs: in a merge {"/": v} alone is a VALUE and not v, so it is
  // thrown away.
  return tree::Canonicalize(value, path, limits).status();
}

}  // namespace restate
