#ifndef RESTATE_ENGINE_ERROR_ERROR_H_
#define RESTATE_ENGINE_ERROR_ERROR_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace restate {

// Why a call failed, for programs: the `reason` of google.rpc.ErrorInfo. The
// canonical code of each is fixed (CodeOf); the names on the wire are the
// enumerators in UPPER_SNAKE (ReasonName). docs/protocol.md lists them.
enum class Reason {
  // INVALID_ARGUMENT.
  kInvalidPath,
  kInvalidValue,
  kInvalidRequest,
  kLuaSyntax,
  // NOT_FOUND.
  kSessionLost,
  kCallbackNotFound,
  kSubscriptionNotFound,
  kRunNotFound,
  kTrackerNotFound,
  kDerivationNotFound,
  kCallNotFound,
  kMountNotFound,
  kNotExported,
  // ALREADY_EXISTS.
  kCallbackExists,
  kMountExists,
  // FAILED_PRECONDITION.
  kKindMismatch,
  kNotStorable,
  kNotEmpty,
  kLuaError,
  kExported,
  kTrackerLoop,
  kDerivedPath,
  kCycle,
  kDestNotEmpty,
  kDerivationFailed,
  kRemoteSource,
  kConfiguredMount,
  kWrongStore,
  kMountNotAllowed,
  // ABORTED.
  kPreconditionFailed,
  kHistoryTooOld,
  kSessionTaken,
  // OUT_OF_RANGE.
  kIntegerOverflow,
  kEpochChanged,
  kRevisionInFuture,
  kSnapshotExpired,
  kHistoryCompacted,
  // RESOURCE_EXHAUSTED.
  kLeafTooLarge,
  kTooManyNodes,
  kTooManyOperations,
  kTooManyPaths,
  kTooManyPatterns,
  kReadTooLarge,
  kQueueFull,
  kSlowSubscriber,
  kTooManySessions,
  kTooManySubscriptions,
  kTooManyTrackers,
  kTooManyStreams,
  kTooManySnapshots,
  kTooManyWaits,
  kTooManyDerivations,
  kTooManyMounts,
  kTooManyThreads,
  kLuaBudget,
  kLuaMemory,
  // UNAVAILABLE.
  kOutcomeUnknown,
  kMountUnavailable,
  kShuttingDown,
  // DATA_LOSS.
  kCorrupt,
};

// The canonical code that goes with a reason.
absl::StatusCode CodeOf(Reason reason);
// "INVALID_PATH".
std::string_view ReasonName(Reason reason);

// A status with code, message, reason and metadata; the service's adapters turn
// it into a google.rpc.Status. `message` says what to do.
absl::Status MakeError(Reason reason, std::string_view message,
                       const std::map<std::string, std::string>& metadata = {});

// The reason's wire name that MakeError attached; empty if none.
std::string ErrorReason(const absl::Status& status);
// The metadata that MakeError attached.
std::map<std::string, std::string> ErrorMetadata(const absl::Status& status);

// The same error with `prefix` put before its message, and `metadata` added.
absl::Status Annotate(const absl::Status& status, std::string_view prefix,
                      const std::map<std::string, std::string>& metadata = {});

}  // namespace restate

#endif  // RESTATE_ENGINE_ERROR_ERROR_H_
