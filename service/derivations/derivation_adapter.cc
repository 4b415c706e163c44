#include "service/derivations/derivation_adapter.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "engine/derivation/derivation_graph.h"
#include "engine/error/error.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/request_fields.h"
#include "service/adapters/value_adapter.h"

namespace restate {
namespace {

constexpr int kMaxSources = 1'000;
constexpr size_t kMaxNameBytes = 255;

absl::Status Invalid(std::string_view message) {
  return MakeError(Reason::kInvalidRequest, message);
}

absl::StatusOr<Combine> DecodeCombine(v1::Combine combine) {
  switch (combine) {
    case v1::COMBINE_UNSPECIFIED:
      return Invalid("aggregate.combine is required");
    case v1::COMBINE_COUNT:
      return Combine::kCount;
    case v1::COMBINE_SUM:
      return Combine::kSum;
    case v1::COMBINE_MIN:
      return Combine::kMin;
    case v1::COMBINE_MAX:
      return Combine::kMax;
    case v1::COMBINE_MEAN:
      return Combine::kMean;
    case v1::COMBINE_COLLECT:
      return Combine::kCollect;
    default:
      return UnknownEnumNumber("aggregate.combine", combine);
  }
}

v1::Combine EncodeCombine(Combine combine) {
  switch (combine) {
    case Combine::kCount:
      return v1::COMBINE_COUNT;
    case Combine::kSum:
      return v1::COMBINE_SUM;
    case Combine::kMin:
      return v1::COMBINE_MIN;
    case Combine::kMax:
      return v1::COMBINE_MAX;
    case Combine::kMean:
      return v1::COMBINE_MEAN;
    case Combine::kCollect:
      return v1::COMBINE_COLLECT;
  }
  return v1::COMBINE_UNSPECIFIED;
}

absl::StatusOr<OnError> DecodeOnError(v1::OnError on_error) {
  switch (on_error) {
    case v1::ON_ERROR_UNSPECIFIED:
    case v1::ON_ERROR_ABSENT:
      return OnError::kAbsent;
    case v1::ON_ERROR_KEEP_LAST:
      return OnError::kKeepLast;
    case v1::ON_ERROR_FAIL_WRITE:
      return OnError::kFailWrite;
    default:
      return UnknownEnumNumber("on_error", on_error);
  }
}

v1::OnError EncodeOnError(OnError on_error) {
  switch (on_error) {
    case OnError::kAbsent:
      return v1::ON_ERROR_ABSENT;
    case OnError::kKeepLast:
      return v1::ON_ERROR_KEEP_LAST;
    case OnError::kFailWrite:
      return v1::ON_ERROR_FAIL_WRITE;
  }
  return v1::ON_ERROR_UNSPECIFIED;
}

absl::Status DecodeTransform(const v1::DeriveRequest& request,
                             Definition* definition) {
  switch (request.transform_case()) {
    case v1::DeriveRequest::kLua: {
      LuaTransform lua;
      lua.parameters.assign(request.lua().parameters().begin(),
                            request.lua().parameters().end());
      lua.source = request.lua().source();
      definition->transform = std::move(lua);
      return absl::OkStatus();
    }
    case v1::DeriveRequest::kAggregate: {
      absl::StatusOr<Combine> combine =
          DecodeCombine(request.aggregate().combine());
      if (!combine.ok()) return combine.status();
      definition->transform =
          AggregateTransform{.each = request.aggregate().each(),
                             .combine = *combine,
                             .group_by = request.aggregate().group_by()};
      return absl::OkStatus();
    }
    case v1::DeriveRequest::kHosted:
      if (request.hosted().session_id().empty()) {
        return Invalid("hosted.session_id is required: who computes it?");
      }
      if (request.hosted().name().size() > kMaxNameBytes) {
        return Invalid("hosted.name must be at most 255 bytes");
      }
      if (request.sources().empty()) {
        return Invalid("a hosted transform needs sources");
      }
      definition->transform = HostedTransform{.name = request.hosted().name()};
      return absl::OkStatus();
    case v1::DeriveRequest::TRANSFORM_NOT_SET:
      break;
  }
  return Invalid("there is no transform: set lua, aggregate or hosted");
}

struct TransformEncoder {
  v1::DeriveRequest* proto;

  void operator()(const LuaTransform& lua) const {
    for (const std::string& parameter : lua.parameters) {
      proto->mutable_lua()->add_parameters(parameter);
    }
    proto->mutable_lua()->set_source(lua.source);
  }
  void operator()(const AggregateTransform& aggregate) const {
    proto->mutable_aggregate()->set_each(aggregate.each);
    proto->mutable_aggregate()->set_combine(EncodeCombine(aggregate.combine));
    proto->mutable_aggregate()->set_group_by(aggregate.group_by);
  }
  void operator()(const HostedTransform& hosted) const {
    proto->mutable_hosted()->set_name(hosted.name);
  }
};

}  // namespace

absl::StatusOr<Definition> DecodeDefinition(const v1::DeriveRequest& request,
                                            const RequestLimits& limits) {
  Definition definition;
  absl::StatusOr<Path> dest = DecodePath(request.dest());
  if (!dest.ok()) return Annotate(dest.status(), "dest: ");
  definition.dest = *std::move(dest);
  if (request.sources_size() > kMaxSources) {
    return MakeError(Reason::kTooManyPaths,
                     absl::StrCat("a derivation may have ", kMaxSources,
                                  " sources: name a path further up"));
  }
  for (int i = 0; i < request.sources_size(); ++i) {
    absl::StatusOr<Path> source = DecodePath(request.sources(i));
    if (!source.ok()) {
      return Annotate(source.status(), absl::StrCat("source ", i, ": "));
    }
    definition.sources.push_back(*std::move(source));
  }
  absl::Status status = DecodeTransform(request, &definition);
  if (!status.ok()) return status;
  if (request.has_payload()) {
    absl::StatusOr<Value> payload = DecodeValue(request.payload());
    if (!payload.ok()) return Annotate(payload.status(), "payload: ");
    if (payload->LeafBytes(limits.write.max_leaf_bytes) >
        limits.write.max_leaf_bytes) {
      return MakeError(Reason::kLeafTooLarge,
                       absl::StrCat("the payload is over ",
                                    limits.write.max_leaf_bytes, " bytes"));
    }
    definition.payload = *std::move(payload);
  }
  definition.call_when_absent = request.call_when_absent();
  absl::StatusOr<OnError> on_error = DecodeOnError(request.on_error());
  if (!on_error.ok()) return on_error.status();
  definition.on_error = *on_error;
  return definition;
}

v1::DerivationStatus EncodeStatus(DerivationStatus status) {
  switch (status) {
    case DerivationStatus::kOk:
      return v1::DERIVATION_STATUS_OK;
    case DerivationStatus::kError:
      return v1::DERIVATION_STATUS_ERROR;
    case DerivationStatus::kStale:
      return v1::DERIVATION_STATUS_STALE;
    case DerivationStatus::kOverBudget:
      return v1::DERIVATION_STATUS_OVER_BUDGET;
  }
  return v1::DERIVATION_STATUS_UNSPECIFIED;
}

void EncodeDerivation(const DerivationState& state,
                      const Derivation& derivation,
                      const std::vector<std::string>& hosts,
                      v1::DerivationInfo* proto) {
  const Definition& definition = *derivation.definition;
  const DerivationProgress& progress = *derivation.progress;
  v1::DeriveRequest* const defined = proto->mutable_definition();
  EncodePath(definition.dest, defined->mutable_dest());
  for (const Path& source : definition.sources) {
    EncodePath(source, defined->add_sources());
  }
  std::visit(TransformEncoder{defined}, definition.transform);
  if (definition.payload.has_value()) {
    EncodeValue(*definition.payload, v1::VALUE_ENCODING_JSON,
                defined->mutable_payload());
  }
  defined->set_call_when_absent(definition.call_when_absent);
  defined->set_on_error(EncodeOnError(definition.on_error));
  proto->set_status(EncodeStatus(progress.status));
  proto->set_message(progress.message);
  for (const Path& read : progress.reads) {
    EncodePath(read, proto->add_reads());
  }
  if (state.graph != nullptr) {
    for (const Path& upstream : state.graph->UpstreamOf(definition.dest)) {
      EncodePath(upstream, proto->add_upstream());
    }
  }
  proto->set_last_revision(progress.last_revision);
  proto->set_runs(progress.runs);
  if (definition.hosted()) {
    proto->set_source_revision(progress.source_revision);
  }
  proto->set_definer(definition.definer);
  for (auto host = hosts.rbegin(); host != hosts.rend(); ++host) {
    proto->add_hosts(*host);
  }
}

}  // namespace restate
