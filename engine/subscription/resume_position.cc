#include "engine/subscription/resume_position.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// The first byte of a token: one that ends with a revision or an event of it, one
// that can say what resets have told, and one that says as well up to where events
// were coalesced.
constexpr char kPlainFormat = '1';
constexpr char kFullFormat = '2';
constexpr char kCoalescedFormat = '3';
// What the point of a full token is.
constexpr std::string_view kNoPoint = "-";
constexpr std::string_view kEventPoint = "e";
constexpr std::string_view kResetPoint = "r";

// Fields are written as their length, a colon, and their bytes.
void AppendField(std::string_view field, std::string* record) {
  absl::StrAppend(record, field.size(), ":", AbslView(field));
}

std::optional<std::string_view> TakeField(std::string_view* record) {
  const size_t colon = record->find(':');
  size_t size = 0;
  if (colon == std::string_view::npos ||
      !absl::SimpleAtoi(AbslView(record->substr(0, colon)), &size) ||
      size > record->size() - colon - 1) {
    return std::nullopt;
  }
  const std::string_view field = record->substr(colon + 1, size);
  record->remove_prefix(colon + 1 + size);
  return field;
}

template <typename Number>
bool TakeNumber(std::string_view* record, Number* number) {
  const std::optional<std::string_view> field = TakeField(record);
  return field.has_value() && absl::SimpleAtoi(AbslView(*field), number) &&
         *number >= 0;
}

bool TakeEventPoint(std::string_view* record, EventPoint* point) {
  if (!TakeNumber(record, &point->index)) return false;
  const std::optional<std::string_view> path = TakeField(record);
  const std::optional<std::string_view> pattern = TakeField(record);
  if (!path.has_value() || !pattern.has_value()) return false;
  absl::StatusOr<Path> current_path = Path::Parse(*path);
  absl::StatusOr<PathPattern> matched = PathPattern::Parse(*pattern);
  if (!current_path.ok() || !matched.ok()) return false;
  point->current_path = *std::move(current_path);
  point->pattern = *std::move(matched);
  return true;
}

void AppendEventPoint(const EventPoint& point, std::string* record) {
  AppendField(absl::StrCat(point.index), record);
  AppendField(point.current_path.ToText(), record);
  AppendField(point.pattern.ToText(), record);
}

// The part of a full token behind its numbers.
bool TakeRest(std::string_view* record, ResumePosition* position) {
  const std::optional<std::string_view> kind = TakeField(record);
  if (kind == kEventPoint) {
    if (!TakeEventPoint(record, &position->point.emplace())) return false;
  } else if (kind == kResetPoint) {
    EventPoint& point = position->point.emplace();
    point.is_reset = true;
    if (!TakeNumber(record, &point.index)) return false;
  } else if (kind != kNoPoint) {
    return false;
  }
  while (!record->empty()) {
    const std::optional<std::string_view> path = TakeField(record);
    if (!path.has_value()) return false;
    absl::StatusOr<Path> place = Path::Parse(*path);
    Revision revision = 0;
    // More than there may be is none that this server makes, and would cost each
    // event.
    if (!place.ok() || !TakeNumber(record, &revision) ||
        !position->floors.HasRoomFor(*place)) {
      return false;
    }
    position->floors.Add(*place, revision);
  }
  return true;
}

std::optional<ResumeToken> Parse(std::string_view record) {
  if (record.empty()) return std::nullopt;
  const char format = record.front();
  if (format != kPlainFormat && format != kFullFormat &&
      format != kCoalescedFormat) {
    return std::nullopt;
  }
  record.remove_prefix(1);
  ResumeToken token;
  const std::optional<std::string_view> epoch = TakeField(&record);
  if (!epoch.has_value() || epoch->empty() ||
      !TakeNumber(&record, &token.position.revision)) {
    return std::nullopt;
  }
  token.epoch = std::string(*epoch);
  if (format == kCoalescedFormat &&
      !TakeNumber(&record, &token.position.coalesced_through)) {
    return std::nullopt;
  }
  if (format != kPlainFormat) {
    if (!TakeRest(&record, &token.position)) return std::nullopt;
    return token;
  }
  if (record.empty()) return token;
  if (!TakeEventPoint(&record, &token.position.point.emplace()) ||
      !record.empty()) {
    return std::nullopt;
  }
  return token;
}

}  // namespace

bool ResumePosition::Covers(const Event& event) const {
  const Emission& emission = event.emission();
  if (emission.revision != revision) return emission.revision < revision;
  if (!point.has_value()) return true;
  if (emission.index != point->index) return emission.index < point->index;
  if (point->is_reset) return false;
  const size_t depth = event.current_path().depth();
  const size_t point_depth = point->current_path.depth();
  if (depth != point_depth) return depth > point_depth;
  if (event.current_path() != point->current_path) {
    return event.current_path() < point->current_path;
  }
  return event.pattern() <= point->pattern;
}

bool ResumePosition::CoversReset(Revision of, int32_t index) const {
  if (of != revision) return of < revision;
  return !point.has_value() || index <= point->index;
}

ResumePosition PositionAfter(const Event& event) {
  ResumePosition position;
  position.revision = event.emission().revision;
  position.point = EventPoint{event.emission().index, event.current_path(),
                              event.pattern()};
  return position;
}

ResumePosition PositionAfterReset(Revision revision, int32_t index) {
  ResumePosition position;
  position.revision = revision;
  position.point = EventPoint{.index = index, .is_reset = true};
  return position;
}

std::string EncodeResumeToken(std::string_view epoch,
                              const ResumePosition& position) {
  const std::optional<EventPoint>& point = position.point;
  const bool is_reset = point.has_value() && point->is_reset;
  const bool is_coalesced = position.coalesced_through != 0;
  const bool is_plain = position.floors.empty() && !is_reset && !is_coalesced;
  std::string record(1, is_plain       ? kPlainFormat
                        : is_coalesced ? kCoalescedFormat
                                       : kFullFormat);
  AppendField(epoch, &record);
  AppendField(absl::StrCat(position.revision), &record);
  if (is_coalesced) {
    AppendField(absl::StrCat(position.coalesced_through), &record);
  }
  if (!is_plain) {
    AppendField(is_reset            ? kResetPoint
                : point.has_value() ? kEventPoint
                                    : kNoPoint,
                &record);
  }
  if (is_reset) {
    AppendField(absl::StrCat(point->index), &record);
  } else if (point.has_value()) {
    AppendEventPoint(*point, &record);
  }
  for (const ResetFloor& floor : position.floors.all()) {
    AppendField(floor.path.ToText(), &record);
    AppendField(absl::StrCat(floor.revision), &record);
  }
  return absl::WebSafeBase64Escape(record);
}

absl::StatusOr<ResumeToken> DecodeResumeToken(std::string_view token) {
  std::string record;
  std::optional<ResumeToken> parsed;
  if (absl::WebSafeBase64Unescape(AbslView(token), &record)) {
    parsed = Parse(record);
  }
  if (!parsed.has_value()) {
    return MakeError(Reason::kInvalidRequest,
                     "resume_token is none that this server makes: pass one "
                     "from a batch as it came, or begin with a snapshot");
  }
  return *std::move(parsed);
}

}  // namespace restate
