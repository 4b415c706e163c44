// Any bytes as the text of a path and of a pattern.

#include <string>
#include <string_view>
#include <vector>

#include "engine/error/error.h"
#include "engine/path/path.h"
#include "engine/path/pattern.h"
#include "tests/fuzz/fuzz_target.h"

namespace restate {
namespace {

void CheckRefusal(const absl::Status& status) {
  FUZZ_CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  FUZZ_CHECK(ErrorReason(status) == "INVALID_PATH");
  FUZZ_CHECK(!status.message().empty());
}

void CheckPath(const Path& path) {
  FUZZ_CHECK(path.depth() <= kMaxDepth);
  FUZZ_CHECK(path.key().size() <= kMaxPathBytes);
  FUZZ_CHECK(path.CheckLimits().ok());
  std::vector<std::string> segments;
  Path built;
  for (std::string_view segment : path.segments()) {
    FUZZ_CHECK(ValidateSegment(segment).ok());
    segments.emplace_back(segment);
    built = built.Child(segment);
    FUZZ_CHECK(built.Contains(path));
  }
  FUZZ_CHECK(segments.size() == path.depth());
  FUZZ_CHECK(built == path);
  const absl::StatusOr<Path> from_segments = Path::FromSegments(segments);
  FUZZ_CHECK(from_segments.ok() && *from_segments == path);
  const absl::StatusOr<Path> again = Path::Parse(path.ToText());
  FUZZ_CHECK(again.ok() && *again == path);
  if (!path.is_root()) {
    FUZZ_CHECK(path.parent().Child(path.name()) == path);
    FUZZ_CHECK(path.parent() < path);
    FUZZ_CHECK(path.key() < path.SubtreeEnd());
  }
  FUZZ_CHECK(PathPattern::Exactly(path).Matches(path));
}

void CheckPattern(const PathPattern& pattern) {
  FUZZ_CHECK(pattern.depth() <= kMaxDepth);
  const absl::StatusOr<PathPattern> again =
      PathPattern::Parse(pattern.ToText());
  FUZZ_CHECK(again.ok() && *again == pattern);
  // One name in place of every wildcard matches.
  Path path;
  for (std::string_view segment : pattern.segments()) {
    path = path.Child(segment == kWildcard ? "any" : segment);
  }
  FUZZ_CHECK(pattern.Matches(path));
  FUZZ_CHECK(!pattern.Matches(path.Child("deeper")));
}

void CheckText(std::string_view text) {
  const absl::StatusOr<Path> path = Path::Parse(text);
  const absl::StatusOr<PathPattern> pattern = PathPattern::Parse(text);
  if (path.ok()) {
    CheckPath(*path);
    FUZZ_CHECK(pattern.ok());
    FUZZ_CHECK(*pattern == PathPattern::Exactly(*path));
  } else {
    CheckRefusal(path.status());
  }
  if (pattern.ok()) {
    CheckPattern(*pattern);
  } else {
    CheckRefusal(pattern.status());
  }
}

}  // namespace
}  // namespace restate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  restate::CheckText(
      std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
