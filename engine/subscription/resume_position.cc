#include "engine/subscription/resume_position.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// The first byte of every token of this form.
constexpr char kTokenFormat = '1';

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

std::optional<ResumeToken> Parse(std::string_view record) {
  if (record.empty() || record.front() != kTokenFormat) return std::nullopt;
  record.remove_prefix(1);
  ResumeToken token;
  const std::optional<std::string_view> epoch = TakeField(&record);
  if (!epoch.has_value() || epoch->empty() ||
      !TakeNumber(&record, &token.position.revision)) {
    return std::nullopt;
  }
  token.epoch = std::string(*epoch);
  if (record.empty()) return token;

  EventPoint point;
  if (!TakeNumber(&record, &point.index)) return std::nullopt;
  const std::optional<std::string_view> path = TakeField(&record);
  const std::optional<std::string_view> pattern = TakeField(&record);
  if (!path.has_value() || !pattern.has_value() || !record.empty()) {
    return std::nullopt;
  }
  absl::StatusOr<Path> current_path = Path::Parse(*path);
  absl::StatusOr<PathPattern> matched = PathPattern::Parse(*pattern);
  if (!current_path.ok() || !matched.ok()) return std::nullopt;
  point.current_path = *std::move(current_path);
  point.pattern = *std::move(matched);
  token.position.point = std::move(point);
  return token;
}

}  // namespace

bool ResumePosition::Covers(const Event& event) const {
  const Emission& emission = event.emission();
  if (emission.revision != revision) return emission.revision < revision;
  if (!point.has_value()) return true;
  if (emission.index != point->index) return emission.index < point->index;
  const size_t depth = event.current_path().depth();
  const size_t point_depth = point->current_path.depth();
  if (depth != point_depth) return depth > point_depth;
  if (event.current_path() != point->current_path) {
    return event.current_path() < point->current_path;
  }
  return event.pattern() <= point->pattern;
}

ResumePosition PositionAfter(const Event& event) {
  return ResumePosition{event.emission().revision,
                        EventPoint{event.emission().index,
                                   event.current_path(), event.pattern()}};
}

std::string EncodeResumeToken(std::string_view epoch,
                              const ResumePosition& position) {
  std::string record(1, kTokenFormat);
  AppendField(epoch, &record);
  AppendField(absl::StrCat(position.revision), &record);
  if (position.point.has_value()) {
    AppendField(absl::StrCat(position.point->index), &record);
    AppendField(position.point->current_path.ToText(), &record);
    AppendField(position.point->pattern.ToText(), &record);
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
