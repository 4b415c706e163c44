#include "engine/error/error.h"

#include <cstddef>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"

namespace restate {
namespace {

// Reason and metadata travel as one payload: the reason's name, then keys and
// values in turn, each as "<length>:<bytes>".
constexpr char kPayloadUrl[] = "type.restate.dev/restate.Error";

struct ReasonInfo {
  absl::StatusCode code;
  std::string_view name;
};

// No default, so that the compiler points here when a reason is added.
ReasonInfo InfoOf(Reason reason) {
  using absl::StatusCode;
  switch (reason) {
    case Reason::kInvalidPath:
      return {StatusCode::kInvalidArgument, "INVALID_PATH"};
    case Reason::kInvalidValue:
      return {StatusCode::kInvalidArgument, "INVALID_VALUE"};
    case Reason::kInvalidRequest:
      return {StatusCode::kInvalidArgument, "INVALID_REQUEST"};
    case Reason::kLuaSyntax:
      return {StatusCode::kInvalidArgument, "LUA_SYNTAX"};
    case Reason::kSessionLost:
      return {StatusCode::kNotFound, "SESSION_LOST"};
    case Reason::kCallbackNotFound:
      return {StatusCode::kNotFound, "CALLBACK_NOT_FOUND"};
    case Reason::kSubscriptionNotFound:
      return {StatusCode::kNotFound, "SUBSCRIPTION_NOT_FOUND"};
    case Reason::kCallNotFound:
      return {StatusCode::kNotFound, "CALL_NOT_FOUND"};
    case Reason::kRunNotFound:
      return {StatusCode::kNotFound, "RUN_NOT_FOUND"};
    case Reason::kTrackerNotFound:
      return {StatusCode::kNotFound, "TRACKER_NOT_FOUND"};
    case Reason::kMountNotFound:
      return {StatusCode::kNotFound, "MOUNT_NOT_FOUND"};
    case Reason::kMountExists:
      return {StatusCode::kAlreadyExists, "MOUNT_EXISTS"};
    case Reason::kNotExported:
      return {StatusCode::kNotFound, "NOT_EXPORTED"};
    case Reason::kDerivationNotFound:
      return {StatusCode::kNotFound, "DERIVATION_NOT_FOUND"};
    case Reason::kCallbackExists:
      return {StatusCode::kAlreadyExists, "CALLBACK_EXISTS"};
    case Reason::kKindMismatch:
      return {StatusCode::kFailedPrecondition, "KIND_MISMATCH"};
    case Reason::kNotEmpty:
      return {StatusCode::kFailedPrecondition, "NOT_EMPTY"};
    case Reason::kNotStorable:
      return {StatusCode::kFailedPrecondition, "NOT_STORABLE"};
    case Reason::kLuaError:
      return {StatusCode::kFailedPrecondition, "LUA_ERROR"};
    case Reason::kExported:
      return {StatusCode::kFailedPrecondition, "EXPORTED"};
    case Reason::kTrackerLoop:
      return {StatusCode::kFailedPrecondition, "TRACKER_LOOP"};
    case Reason::kConfiguredMount:
      return {StatusCode::kFailedPrecondition, "CONFIGURED_MOUNT"};
    case Reason::kWrongStore:
      return {StatusCode::kFailedPrecondition, "WRONG_STORE"};
    case Reason::kMountNotAllowed:
      return {StatusCode::kFailedPrecondition, "MOUNT_NOT_ALLOWED"};
    case Reason::kDerivedPath:
      return {StatusCode::kFailedPrecondition, "DERIVED_PATH"};
    case Reason::kCycle:
      return {StatusCode::kFailedPrecondition, "CYCLE"};
    case Reason::kDestNotEmpty:
      return {StatusCode::kFailedPrecondition, "DEST_NOT_EMPTY"};
    case Reason::kDerivationFailed:
      return {StatusCode::kFailedPrecondition, "DERIVATION_FAILED"};
    case Reason::kRemoteSource:
      return {StatusCode::kFailedPrecondition, "REMOTE_SOURCE"};
    case Reason::kPreconditionFailed:
      return {StatusCode::kAborted, "PRECONDITION_FAILED"};
    case Reason::kHistoryTooOld:
      return {StatusCode::kAborted, "HISTORY_TOO_OLD"};
    case Reason::kSessionTaken:
      return {StatusCode::kAborted, "SESSION_TAKEN"};
    case Reason::kIntegerOverflow:
      return {StatusCode::kOutOfRange, "INTEGER_OVERFLOW"};
    case Reason::kEpochChanged:
      return {StatusCode::kOutOfRange, "EPOCH_CHANGED"};
    case Reason::kRevisionInFuture:
      return {StatusCode::kOutOfRange, "REVISION_IN_FUTURE"};
    case Reason::kSnapshotExpired:
      return {StatusCode::kOutOfRange, "SNAPSHOT_EXPIRED"};
    case Reason::kHistoryCompacted:
      return {StatusCode::kOutOfRange, "HISTORY_COMPACTED"};
    case Reason::kLeafTooLarge:
      return {StatusCode::kResourceExhausted, "LEAF_TOO_LARGE"};
    case Reason::kTooManyNodes:
      return {StatusCode::kResourceExhausted, "TOO_MANY_NODES"};
    case Reason::kTooManyOperations:
      return {StatusCode::kResourceExhausted, "TOO_MANY_OPERATIONS"};
    case Reason::kTooManyPaths:
      return {StatusCode::kResourceExhausted, "TOO_MANY_PATHS"};
    case Reason::kTooManyPatterns:
      return {StatusCode::kResourceExhausted, "TOO_MANY_PATTERNS"};
    case Reason::kReadTooLarge:
      return {StatusCode::kResourceExhausted, "READ_TOO_LARGE"};
    case Reason::kQueueFull:
      return {StatusCode::kResourceExhausted, "QUEUE_FULL"};
    case Reason::kSlowSubscriber:
      return {StatusCode::kResourceExhausted, "SLOW_SUBSCRIBER"};
    case Reason::kTooManySessions:
      return {StatusCode::kResourceExhausted, "TOO_MANY_SESSIONS"};
    case Reason::kTooManySubscriptions:
      return {StatusCode::kResourceExhausted, "TOO_MANY_SUBSCRIPTIONS"};
    case Reason::kTooManyTrackers:
      return {StatusCode::kResourceExhausted, "TOO_MANY_TRACKERS"};
    case Reason::kTooManyStreams:
      return {StatusCode::kResourceExhausted, "TOO_MANY_STREAMS"};
    case Reason::kTooManySnapshots:
      return {StatusCode::kResourceExhausted, "TOO_MANY_SNAPSHOTS"};
    case Reason::kTooManyWaits:
      return {StatusCode::kResourceExhausted, "TOO_MANY_WAITS"};
    case Reason::kTooManyDerivations:
      return {StatusCode::kResourceExhausted, "TOO_MANY_DERIVATIONS"};
    case Reason::kTooManyMounts:
      return {StatusCode::kResourceExhausted, "TOO_MANY_MOUNTS"};
    case Reason::kTooManyThreads:
      return {StatusCode::kResourceExhausted, "TOO_MANY_THREADS"};
    case Reason::kLuaBudget:
      return {StatusCode::kResourceExhausted, "LUA_BUDGET"};
    case Reason::kLuaMemory:
      return {StatusCode::kResourceExhausted, "LUA_MEMORY"};
    case Reason::kOutcomeUnknown:
      return {StatusCode::kUnavailable, "OUTCOME_UNKNOWN"};
    case Reason::kMountUnavailable:
      return {StatusCode::kUnavailable, "MOUNT_UNAVAILABLE"};
    case Reason::kShuttingDown:
      return {StatusCode::kUnavailable, "SHUTTING_DOWN"};
    case Reason::kCorrupt:
      return {StatusCode::kDataLoss, "CORRUPT"};
  }
  std::abort();  // Not an enumerator.
}

struct Payload {
  std::string reason;
  std::map<std::string, std::string> metadata;
};

void AppendPart(std::string_view part, std::string* out) {
  absl::StrAppend(out, part.size(), ":", AbslView(part));
}

// Takes one part off the front of `rest`, or gives up on bytes that are not
// ours.
std::optional<std::string> TakePart(std::string_view* rest) {
  const size_t colon = rest->find(':');
  size_t size = 0;
  if (colon == std::string_view::npos ||
      !absl::SimpleAtoi(AbslView(rest->substr(0, colon)), &size) ||
      size > rest->size() - colon - 1) {
    return std::nullopt;
  }
  std::string part(rest->substr(colon + 1, size));
  rest->remove_prefix(colon + 1 + size);
  return part;
}

void SetErrorPayload(const Payload& payload, absl::Status* status) {
  std::string bytes;
  AppendPart(payload.reason, &bytes);
  for (const auto& [key, value] : payload.metadata) {
    AppendPart(key, &bytes);
    AppendPart(value, &bytes);
  }
  status->SetPayload(kPayloadUrl, absl::Cord(std::move(bytes)));
}

Payload GetErrorPayload(const absl::Status& status) {
  Payload payload;
  const absl::optional<absl::Cord> cord = status.GetPayload(kPayloadUrl);
  if (!cord.has_value()) return payload;
  const std::string bytes(*cord);
  std::string_view rest = bytes;
  payload.reason = TakePart(&rest).value_or("");
  while (!rest.empty()) {
    std::optional<std::string> key = TakePart(&rest);
    std::optional<std::string> value = TakePart(&rest);
    if (!key.has_value() || !value.has_value()) break;
    payload.metadata[*std::move(key)] = *std::move(value);
  }
  return payload;
}

}  // namespace

absl::StatusCode CodeOf(Reason reason) { return InfoOf(reason).code; }

std::string_view ReasonName(Reason reason) { return InfoOf(reason).name; }

absl::Status MakeError(Reason reason, std::string_view message,
                       const std::map<std::string, std::string>& metadata) {
  const ReasonInfo info = InfoOf(reason);
  absl::Status status(info.code, AbslView(message));
  SetErrorPayload({std::string(info.name), metadata}, &status);
  return status;
}

std::string ErrorReason(const absl::Status& status) {
  return GetErrorPayload(status).reason;
}

std::map<std::string, std::string> ErrorMetadata(const absl::Status& status) {
  return GetErrorPayload(status).metadata;
}

absl::Status Annotate(const absl::Status& status, std::string_view prefix,
                      const std::map<std::string, std::string>& metadata) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(),
                         absl::StrCat(AbslView(prefix), status.message()));
  status.ForEachPayload(
      [&annotated](absl::string_view url, const absl::Cord& payload) {
        annotated.SetPayload(url, payload);
      });
  Payload payload = GetErrorPayload(status);
  for (const auto& [key, value] : metadata) payload.metadata[key] = value;
  SetErrorPayload(payload, &annotated);
  return annotated;
}

}  // namespace restate
