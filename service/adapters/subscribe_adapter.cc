#include "service/adapters/subscribe_adapter.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/error/error.h"
#include "engine/subscription/resume_position.h"
#include "service/adapters/event_view.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/request_fields.h"

namespace restate {
namespace {

constexpr absl::Duration kLongest = absl::Hours(1);
constexpr absl::Duration kShortestHeartbeat = absl::Seconds(1);

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

absl::Status DecodeKinds(const v1::SubscribeRequest& request,
                         std::vector<EventKind>* kinds) {
  for (int i = 0; i < request.kinds_size(); ++i) {
    absl::StatusOr<EventKind> kind = DecodeKind(i, request.kinds(i));
    if (!kind.ok()) return kind.status();
    kinds->push_back(*kind);
  }
  std::sort(kinds->begin(), kinds->end());
  kinds->erase(std::unique(kinds->begin(), kinds->end()), kinds->end());
  return absl::OkStatus();
}

absl::StatusOr<Overflow> DecodeOverflow(v1::SubscribeOverflow overflow) {
  switch (overflow) {
    case v1::SUBSCRIBE_OVERFLOW_UNSPECIFIED:
    case v1::SUBSCRIBE_OVERFLOW_HISTORY:
      return Overflow::kHistory;
    case v1::SUBSCRIBE_OVERFLOW_COALESCE:
      return Overflow::kCoalesce;
    case v1::SUBSCRIBE_OVERFLOW_END:
      return Overflow::kEnd;
    default:
      return UnknownEnumNumber("overflow", overflow);
  }
}

absl::StatusOr<HistoryLoss> DecodeHistoryLoss(v1::HistoryLoss loss) {
  switch (loss) {
    case v1::HISTORY_LOSS_UNSPECIFIED:
    case v1::HISTORY_LOSS_FAIL:
      return HistoryLoss::kFail;
    case v1::HISTORY_LOSS_RESET:
      return HistoryLoss::kReset;
    default:
      return UnknownEnumNumber("history_loss", loss);
  }
}

// Both must be the server's epoch, so at least one of them is not.
absl::Status EpochsDiffer(const std::string& asked, const std::string& token) {
  return MakeError(
      Reason::kEpochChanged,
      absl::StrCat("the request is for epoch ", asked,
                   ", and its resume_token is of epoch ", token,
                   ": subscribe with a snapshot, earlier revisions mean "
                   "nothing here"));
}

absl::Status DecodeStart(const v1::SubscribeRequest& request,
                         SubscriptionSpec* spec) {
  switch (request.start_case()) {
    case v1::SubscribeRequest::START_NOT_SET:
    case v1::SubscribeRequest::kNow:
      spec->start.emplace<StartNow>();
      return absl::OkStatus();
    case v1::SubscribeRequest::kSnapshot:
      spec->start.emplace<StartSnapshot>();
      return absl::OkStatus();
    case v1::SubscribeRequest::kResumeToken: {
      absl::StatusOr<ResumeToken> token =
          DecodeResumeToken(request.resume_token());
      if (!token.ok()) return token.status();
      if (spec->epoch.empty()) {
        spec->epoch = token->epoch;
      } else if (spec->epoch != token->epoch) {
        return EpochsDiffer(spec->epoch, token->epoch);
      }
      spec->start.emplace<StartAfter>().position = std::move(token->position);
      return absl::OkStatus();
    }
    case v1::SubscribeRequest::kAfterRevision: {
      absl::Status status =
          CheckRevision("after_revision", request.after_revision());
      if (!status.ok()) return status;
      spec->start.emplace<StartAfter>().position.revision =
          request.after_revision();
      return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

// What decides the view.
absl::Status CheckView(const v1::SubscribeRequest& request) {
  if (!v1::EventValues_IsValid(request.values())) {
    return UnknownEnumNumber("values", request.values());
  }
  absl::Status status = CheckEncoding(request.encoding());
  if (!status.ok()) return status;
  constexpr auto kMost = static_cast<int64_t>(kMaxEventValueBytes);
  if (request.max_value_bytes() < 0 || request.max_value_bytes() > kMost) {
    return MakeError(Reason::kInvalidRequest,
                     absl::StrCat("max_value_bytes is ",
                                  request.max_value_bytes(),
                                  "; it must be from 0 to ", kMost));
  }
  return absl::OkStatus();
}

absl::Status DecodeTimes(const v1::SubscribeRequest& request,
                         SubscriptionSpec* spec) {
  if (request.has_min_interval()) {
    absl::StatusOr<absl::Duration> interval =
        DecodeDuration("min_interval", request.min_interval(),
                       absl::ZeroDuration(), kLongest);
    if (!interval.ok()) return interval.status();
    spec->min_interval = *interval;
  }
  if (request.has_heartbeat()) {
    absl::StatusOr<absl::Duration> heartbeat = DecodeDuration(
        "heartbeat", request.heartbeat(), kShortestHeartbeat, kLongest);
    if (!heartbeat.ok()) return heartbeat.status();
    spec->heartbeat = *heartbeat;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<PathPattern>> DecodePatterns(
    const google::protobuf::RepeatedPtrField<v1::PathPattern>& protos,
    const RequestLimits& limits) {
  const auto count = static_cast<size_t>(protos.size());
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
  for (int i = 0; i < protos.size(); ++i) {
    absl::StatusOr<PathPattern> pattern = DecodePattern(protos[i]);
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

absl::StatusOr<SubscriptionSpec> DecodeSubscribe(
    const v1::SubscribeRequest& request, const RequestLimits& limits) {
  SubscriptionSpec spec;
  if (request.patterns().empty()) {
    return MakeError(Reason::kInvalidRequest,
                     "patterns is empty: name at least one; \"/\" hears of "
                     "everything");
  }
  absl::StatusOr<std::vector<PathPattern>> patterns =
      DecodePatterns(request.patterns(), limits);
  if (!patterns.ok()) return patterns.status();
  spec.patterns = *std::move(patterns);
  spec.epoch = request.epoch();
  absl::Status status = DecodeStart(request, &spec);
  if (status.ok()) status = CheckView(request);
  if (status.ok()) status = DecodeKinds(request, &spec.kinds);
  if (status.ok()) status = DecodeTimes(request, &spec);
  if (!status.ok()) return status;
  spec.view = PackView(ViewOf(request));
  if (!v1::SubscribeScope_IsValid(request.scope())) {
    return UnknownEnumNumber("scope", request.scope());
  }
  spec.exact = request.scope() == v1::SUBSCRIBE_SCOPE_EXACT;
  absl::StatusOr<Overflow> overflow = DecodeOverflow(request.overflow());
  if (!overflow.ok()) return overflow.status();
  spec.overflow = *overflow;
  absl::StatusOr<HistoryLoss> loss = DecodeHistoryLoss(request.history_loss());
  if (!loss.ok()) return loss.status();
  spec.history_loss = *loss;
  spec.intercepting = request.intercepting();
  return spec;
}

}  // namespace restate
