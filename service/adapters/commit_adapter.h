#ifndef RESTATE_SERVICE_ADAPTERS_COMMIT_ADAPTER_H_
#define RESTATE_SERVICE_ADAPTERS_COMMIT_ADAPTER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/commit/commit_request.h"
#include "restate/v1/state_service.pb.h"
#include "service/adapters/limits.h"

namespace restate {

// The four writes of the wire and the one commit of the engine.

// Checks a write and makes it a commit: one operation for the single writes.
// `encoding` is checked too. Whether paths exist, epochs match and
// preconditions hold is the engine's to say.
//   INVALID_ARGUMENT / INVALID_PATH, INVALID_VALUE, INVALID_REQUEST.
//   RESOURCE_EXHAUSTED / LEAF_TOO_LARGE, TOO_MANY_NODES, TOO_MANY_OPERATIONS.
// In errors about a part, the message begins with "operation 3: " or
// "precondition 0: ", and the metadata has `operation` or `precondition`.
absl::StatusOr<CommitRequest> DecodeCommit(const v1::SetStateRequest& request,
                                           const RequestLimits& limits);
absl::StatusOr<CommitRequest> DecodeCommit(
    const v1::DeleteStateRequest& request, const RequestLimits& limits);
absl::StatusOr<CommitRequest> DecodeCommit(const v1::PingRequest& request,
                                           const RequestLimits& limits);
absl::StatusOr<CommitRequest> DecodeCommit(const v1::CommitRequest& request,
                                           const RequestLimits& limits);

void EncodePending(const PendingDestination& pending,
                   v1::PendingDestination* proto);

// Fills an answer, which must be empty, from what the commit did. REQUIRES: a
// result for each operation.
void EncodeResult(const CommitResult& result, const std::string& epoch,
                  v1::ValueEncoding encoding, v1::SetStateResponse* response);
void EncodeResult(const CommitResult& result, const std::string& epoch,
                  v1::DeleteStateResponse* response);
void EncodeResult(const CommitResult& result, const std::string& epoch,
                  v1::PingResponse* response);

// Fills in `derived_revision` and `pending` of any answer.
template <typename Response>
void EncodeDerived(const CommitResult& result, Response* response) {
  response->set_derived_revision(result.derived_revision);
  for (const PendingDestination& pending : result.pending) {
    EncodePending(pending, response->add_pending());
  }
}

// Which answer each operation of a transaction gets. Keep it beside the commit:
// the engine's result does not say.
using OperationKinds = std::vector<v1::Operation::KindCase>;
OperationKinds KindsOf(const v1::CommitRequest& request);

void EncodeResult(const CommitResult& result,
                  absl::Span<const v1::Operation::KindCase> kinds,
                  const std::string& epoch, v1::ValueEncoding encoding,
                  v1::CommitResponse* response);

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_COMMIT_ADAPTER_H_
