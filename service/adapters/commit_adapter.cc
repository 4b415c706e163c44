#include "service/adapters/commit_adapter.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"
#include "service/adapters/operation_adapter.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/request_fields.h"
#include "service/adapters/request_fingerprint.h"
#include "service/adapters/request_id.h"
#include "service/adapters/value_adapter.h"

namespace restate {
namespace {

// More than any that is given out.
constexpr size_t kMaxRunIdBytes = 64;

absl::Status InPart(const absl::Status& status, std::string_view part,
                    int index) {
  return Annotate(status, absl::StrCat(AbslView(part), " ", index, ": "),
                  {{std::string(part), absl::StrCat(index)}});
}

absl::Status CheckCount(size_t count, std::string_view what,
                        const RequestLimits& limits) {
  if (count <= limits.max_operations) return absl::OkStatus();
  return MakeError(
      Reason::kTooManyOperations,
      absl::StrCat("the commit has ", count, " ", AbslView(what), "; at most ",
                   limits.max_operations, " are allowed: split it"),
      {{"limit", absl::StrCat(limits.max_operations)}});
}

// What all four writes have: durability, epoch and preconditions.
template <typename Proto>
absl::Status DecodeEnvelope(const Proto& proto, const RequestLimits& limits,
                            CommitRequest* commit) {
  switch (proto.durability()) {
    case v1::DURABILITY_UNSPECIFIED:
    case v1::DURABILITY_DURABLE:
      break;
    case v1::DURABILITY_RELAXED:
      commit->relaxed = true;
      break;
    default:
      return UnknownEnumNumber("durability", proto.durability());
  }
  if (proto.run_id().size() > kMaxRunIdBytes) {
    return MakeError(Reason::kInvalidRequest,
                     "run_id is none that BeginRun gave");
  }
  commit->run_id = proto.run_id();
  switch (proto.wait()) {
    case v1::WAIT_UNSPECIFIED:
    case v1::WAIT_NONE:
      break;
    case v1::WAIT_DERIVED:
      commit->wait_derived = true;
      break;
    default:
      return UnknownEnumNumber("wait", proto.wait());
  }
  commit->epoch = proto.epoch();
  commit->bytes = proto.ByteSizeLong();
  absl::Status status =
      CheckCount(proto.preconditions_size(), "preconditions", limits);
  if (!status.ok()) return status;
  commit->preconditions.reserve(proto.preconditions_size());
  for (int i = 0; i < proto.preconditions_size(); ++i) {
    absl::StatusOr<Precondition> precondition =
        DecodePrecondition(proto.preconditions(i), limits);
    if (!precondition.ok()) {
      return InPart(precondition.status(), "precondition", i);
    }
    commit->preconditions.push_back(*std::move(precondition));
  }
  return absl::OkStatus();
}

// Which request it is, once all else of it has been decoded.
template <typename Proto>
absl::Status DecodeIdentity(const Proto& proto, CommitRequest* commit) {
  if (proto.request_id().empty()) return absl::OkStatus();
  absl::StatusOr<absl::uint128> id = ParseUuid(proto.request_id());
  if (!id.ok()) return id.status();
  commit->identity =
      RequestIdentity{*id, FingerprintOf(proto.GetTypeName(), *commit)};
  return absl::OkStatus();
}

// A write of one operation, which has been decoded.
template <typename Proto, typename Decoded>
absl::StatusOr<CommitRequest> CommitOfOne(const Proto& proto,
                                          absl::StatusOr<Decoded> operation,
                                          const RequestLimits& limits) {
  if (!operation.ok()) return operation.status();
  CommitRequest commit;
  commit.operations.emplace_back(*std::move(operation));
  absl::Status status = DecodeEnvelope(proto, limits, &commit);
  if (status.ok()) status = DecodeIdentity(proto, &commit);
  if (!status.ok()) return status;
  return commit;
}

template <typename Decoded>
absl::StatusOr<Operation> Widen(absl::StatusOr<Decoded> operation) {
  if (!operation.ok()) return operation.status();
  return Operation(*std::move(operation));
}

absl::StatusOr<Operation> DecodeOperation(const v1::Operation& proto,
                                          const RequestLimits& limits) {
  switch (proto.kind_case()) {
    case v1::Operation::kSet:
      return Widen(DecodeSet(proto.set(), limits));
    case v1::Operation::kDelete:
      return Widen(DecodeDelete(proto.delete_(), limits));
    case v1::Operation::kPing:
      return Widen(DecodePing(proto.ping(), limits));
    case v1::Operation::KIND_NOT_SET:
      break;
  }
  return MakeError(Reason::kInvalidRequest,
                   "is of no kind: set one of set, delete and ping");
}

// SetStateResponse and OperationResult.Set.
template <typename Proto>
void EncodeSetResult(const OperationResult& result, v1::ValueEncoding encoding,
                     Proto* proto) {
  proto->set_changed(result.changed);
  if (result.value.has_value()) {
    EncodeValue(*result.value, encoding, proto->mutable_value());
  }
}

template <typename Proto>
void EncodeRevision(const CommitResult& result, const std::string& epoch,
                    Proto* proto) {
  proto->set_revision(result.revision);
  proto->set_epoch(epoch);
  proto->set_replayed(result.replayed);
}

}  // namespace

absl::StatusOr<CommitRequest> DecodeCommit(const v1::SetStateRequest& request,
                                           const RequestLimits& limits) {
  absl::Status status = CheckEncoding(request.encoding());
  if (!status.ok()) return status;
  return CommitOfOne(request, DecodeSet(request, limits), limits);
}

absl::StatusOr<CommitRequest> DecodeCommit(
    const v1::DeleteStateRequest& request, const RequestLimits& limits) {
  return CommitOfOne(request, DecodeDelete(request, limits), limits);
}

absl::StatusOr<CommitRequest> DecodeCommit(const v1::PingRequest& request,
                                           const RequestLimits& limits) {
  return CommitOfOne(request, DecodePing(request, limits), limits);
}

absl::StatusOr<CommitRequest> DecodeCommit(const v1::CommitRequest& request,
                                           const RequestLimits& limits) {
  absl::Status status = CheckEncoding(request.encoding());
  if (!status.ok()) return status;
  status = CheckCount(request.operations_size(), "operations", limits);
  if (!status.ok()) return status;
  CommitRequest commit;
  status = DecodeEnvelope(request, limits, &commit);
  if (!status.ok()) return status;
  commit.operations.reserve(request.operations_size());
  for (int i = 0; i < request.operations_size(); ++i) {
    absl::StatusOr<Operation> operation =
        DecodeOperation(request.operations(i), limits);
    if (!operation.ok()) return InPart(operation.status(), "operation", i);
    commit.operations.push_back(*std::move(operation));
  }
  status = DecodeIdentity(request, &commit);
  if (!status.ok()) return status;
  return commit;
}

void EncodePending(const PendingDestination& pending,
                   v1::PendingDestination* proto) {
  EncodePath(pending.dest, proto->mutable_dest());
  switch (pending.why) {
    case PendingDestination::Why::kNoHost:
      proto->set_why(v1::PendingDestination::WHY_NO_HOST);
      break;
    case PendingDestination::Why::kFailed:
      proto->set_why(v1::PendingDestination::WHY_FAILED);
      break;
    case PendingDestination::Why::kSlow:
      proto->set_why(v1::PendingDestination::WHY_SLOW);
      break;
  }
  proto->set_message(pending.message);
}

void EncodeResult(const CommitResult& result, const std::string& epoch,
                  v1::ValueEncoding encoding, v1::SetStateResponse* response) {
  EncodeSetResult(result.results.front(), encoding, response);
  EncodeRevision(result, epoch, response);
  EncodeDerived(result, response);
}

void EncodeResult(const CommitResult& result, const std::string& epoch,
                  v1::DeleteStateResponse* response) {
  response->set_deleted(result.results.front().changed);
  EncodeRevision(result, epoch, response);
  EncodeDerived(result, response);
}

void EncodeResult(const CommitResult& result, const std::string& epoch,
                  v1::PingResponse* response) {
  EncodeRevision(result, epoch, response);
}

OperationKinds KindsOf(const v1::CommitRequest& request) {
  OperationKinds kinds;
  kinds.reserve(request.operations_size());
  for (const v1::Operation& operation : request.operations()) {
    kinds.push_back(operation.kind_case());
  }
  return kinds;
}

void EncodeResult(const CommitResult& result,
                  absl::Span<const v1::Operation::KindCase> kinds,
                  const std::string& epoch, v1::ValueEncoding encoding,
                  v1::CommitResponse* response) {
  response->mutable_results()->Reserve(static_cast<int>(kinds.size()));
  for (size_t i = 0; i < kinds.size(); ++i) {
    const OperationResult& from = result.results[i];
    v1::OperationResult* to = response->add_results();
    switch (kinds[i]) {
      case v1::Operation::kSet:
        EncodeSetResult(from, encoding, to->mutable_set());
        break;
      case v1::Operation::kDelete:
        to->mutable_delete_()->set_deleted(from.changed);
        break;
      case v1::Operation::kPing:
        to->mutable_ping();
        break;
      case v1::Operation::KIND_NOT_SET:
        break;
    }
  }
  response->set_changed(result.changed);
  EncodeRevision(result, epoch, response);
  EncodeDerived(result, response);
}

}  // namespace restate
