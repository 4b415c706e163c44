#ifndef RESTATE_SERVICE_ADAPTERS_OPERATION_ADAPTER_H_
#define RESTATE_SERVICE_ADAPTERS_OPERATION_ADAPTER_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/commit/commit_request.h"
#include "restate/v1/state_service.pb.h"
#include "service/adapters/limits.h"

namespace restate {

// The parts of a commit, one at a time. Errors as DecodeCommit, without the
// index of the part.

// The single writes and the operations of a transaction have the same fields.
absl::StatusOr<SetOperation> DecodeSet(const v1::SetStateRequest& proto,
                                       const RequestLimits& limits);
absl::StatusOr<SetOperation> DecodeSet(const v1::SetOperation& proto,
                                       const RequestLimits& limits);
absl::StatusOr<DeleteOperation> DecodeDelete(
    const v1::DeleteStateRequest& proto, const RequestLimits& limits);
absl::StatusOr<DeleteOperation> DecodeDelete(const v1::DeleteOperation& proto,
                                             const RequestLimits& limits);
absl::StatusOr<PingOperation> DecodePing(const v1::PingRequest& proto,
                                         const RequestLimits& limits);
absl::StatusOr<PingOperation> DecodePing(const v1::PingOperation& proto,
                                         const RequestLimits& limits);

absl::StatusOr<Precondition> DecodePrecondition(const v1::Precondition& proto,
                                                const RequestLimits& limits);

// Checks the value of a MERGE at `path` without changing it: keys, depth and
// sizes are judged as for other writes, nulls (deletions) are leaves like any
// other, and what stands under "/" (a VALUE, or its deletion) must be a leaf.
// Errors as tree::Canonicalize.
absl::Status CheckMergeValue(const Value& value, const Path& path,
                             const tree::WriteLimits& limits);

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_OPERATION_ADAPTER_H_
