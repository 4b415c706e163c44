#include "service/adapters/event_adapter.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/error/error.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/request_fields.h"
#include "service/adapters/value_adapter.h"

namespace restate {
namespace {

absl::StatusOr<EventKind> DecodeKind(int index, int number) {
  switch (number) {
    case v1::EVENT_KIND_SET:
      return EventKind::kSet;
    case v1::EVENT_KIND_DELETE:
      return EventKind::kDelete;
    case v1::EVENT_KIND_PING:
      return EventKind::kPing;
    case v1::EVENT_KIND_INITIAL:
      return EventKind::kInitial;
    default:
      // UNSPECIFIED included: it is no kind to ask for.
      return UnknownEnumNumber(absl::StrCat("kinds[", index, "]"), number);
  }
}

v1::EventKind EncodeKind(EventKind kind) {
  switch (kind) {
    case EventKind::kSet:
      return v1::EVENT_KIND_SET;
    case EventKind::kDelete:
      return v1::EVENT_KIND_DELETE;
    case EventKind::kPing:
      return v1::EVENT_KIND_PING;
    case EventKind::kInitial:
      return v1::EVENT_KIND_INITIAL;
  }
  return v1::EVENT_KIND_UNSPECIFIED;
}

v1::Origin::Kind EncodeOrigin(OriginKind origin) {
  switch (origin) {
    case OriginKind::kClient:
      return v1::Origin::KIND_CLIENT;
    case OriginKind::kMount:
      return v1::Origin::KIND_MOUNT;
  }
  return v1::Origin::KIND_UNSPECIFIED;
}

void EncodeTime(absl::Time time, google::protobuf::Timestamp* proto) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  proto->set_seconds(seconds);
  proto->set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

absl::StatusOr<std::vector<PathPattern>> DecodePatterns(
    const v1::SubscribeRequest& request, const RequestLimits& limits) {
  if (request.patterns().empty()) {
    return MakeError(Reason::kInvalidRequest,
                     "patterns is empty: name at least one; \"/\" hears of "
                     "everything");
  }
  const auto count = static_cast<size_t>(request.patterns_size());
  if (count > limits.max_patterns) {
    return MakeError(
        Reason::kTooManyPatterns,
        absl::StrCat("the subscription has ", count, " patterns; at most ",
                     limits.max_patterns,
                     " are allowed: use wildcards or name a parent"),
        {{"limit", absl::StrCat(limits.max_patterns)}});
  }
  std::vector<PathPattern> patterns;
  patterns.reserve(count);
  for (int i = 0; i < request.patterns_size(); ++i) {
    absl::StatusOr<PathPattern> pattern = DecodePattern(request.patterns(i));
    if (!pattern.ok()) {
      return Annotate(pattern.status(), absl::StrCat("pattern ", i, ": "),
                      {{"pattern", absl::StrCat(i)}});
    }
    patterns.push_back(*std::move(pattern));
  }
  std::sort(patterns.begin(), patterns.end());
  patterns.erase(std::unique(patterns.begin(), patterns.end()), patterns.end());
  return patterns;
}

}  // namespace

absl::StatusOr<SubscriptionSpec> DecodeSubscribe(
    const v1::SubscribeRequest& request, const RequestLimits& limits) {
  SubscriptionSpec spec;
  absl::StatusOr<std::vector<PathPattern>> patterns =
      DecodePatterns(request, limits);
  if (!patterns.ok()) return patterns.status();
  spec.patterns = *std::move(patterns);
  spec.snapshot = request.has_snapshot();
  if (!v1::EventValues_IsValid(request.values())) {
    return UnknownEnumNumber("values", request.values());
  }
  absl::Status status = CheckEncoding(request.encoding());
  if (!status.ok()) return status;
  if (!v1::SubscribeScope_IsValid(request.scope())) {
    return UnknownEnumNumber("scope", request.scope());
  }
  spec.exact = request.scope() == v1::SUBSCRIBE_SCOPE_EXACT;
  for (int i = 0; i < request.kinds_size(); ++i) {
    absl::StatusOr<EventKind> kind = DecodeKind(i, request.kinds(i));
    if (!kind.ok()) return kind.status();
    spec.kinds.push_back(*kind);
  }
  std::sort(spec.kinds.begin(), spec.kinds.end());
  spec.kinds.erase(std::unique(spec.kinds.begin(), spec.kinds.end()),
                   spec.kinds.end());
  spec.epoch = request.epoch();
  return spec;
}

EventView ViewOf(const v1::SubscribeRequest& request) {
  EventView view;
  if (request.values() != v1::EVENT_VALUES_UNSPECIFIED) {
    view.values = request.values();
  }
  if (request.encoding() != v1::VALUE_ENCODING_UNSPECIFIED) {
    view.encoding = request.encoding();
  }
  return view;
}

void EncodeEmission(const Emission& emission, const EventView& view,
                    v1::Event* proto) {
  proto->set_revision(emission.revision);
  proto->set_index(emission.index);
  proto->set_kind(EncodeKind(emission.kind));
  EncodePath(emission.emitting_path, proto->mutable_emitting_path());
  if (view.values == v1::EVENT_VALUES_BOTH) {
    if (emission.prev_value.has_value()) {
      EncodeValue(*emission.prev_value, view.encoding,
                  proto->mutable_prev_value());
    }
    proto->set_prev_omitted(emission.prev_omitted);
  }
  if (view.values != v1::EVENT_VALUES_NONE) {
    if (emission.new_value.has_value()) {
      EncodeValue(*emission.new_value, view.encoding,
                  proto->mutable_new_value());
    }
    proto->set_new_omitted(emission.new_omitted);
  }
  if (emission.payload.has_value()) {
    EncodeValue(*emission.payload, view.encoding, proto->mutable_payload());
  }
  // What was there at the start of a subscription was not written just now.
  if (emission.kind != EventKind::kInitial) {
    EncodeTime(emission.commit_time, proto->mutable_commit_time());
  }
  proto->mutable_origin()->set_kind(EncodeOrigin(emission.origin));
}

void EncodeDelivery(const Event& event, v1::Event* proto) {
  EncodePath(event.current_path, proto->mutable_current_path());
  EncodePattern(*event.pattern, proto->mutable_pattern());
}

void EncodeBatch(const EventBatch& batch, const std::string& epoch,
                 const EventView& view, v1::EventBatch* proto) {
  proto->mutable_events()->Reserve(static_cast<int>(batch.events.size()));
  for (const Event& event : batch.events) {
    v1::Event* to = proto->add_events();
    EncodeEmission(*event.emission, view, to);
    EncodeDelivery(event, to);
  }
  proto->set_revision(batch.revision);
  proto->set_epoch(epoch);
  proto->set_synced(batch.synced);
}

}  // namespace restate
