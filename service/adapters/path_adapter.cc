#include "service/adapters/path_adapter.h"

#include <string>
#include <vector>

#include "engine/error/error.h"

namespace restate {

absl::StatusOr<Path> DecodePath(const v1::Path& proto) {
  if (proto.segments().empty()) return Path::Parse(proto.text());
  if (!proto.text().empty()) {
    return MakeError(Reason::kInvalidRequest,
                     "a path has both text and segments: set one of them");
  }
  return Path::FromSegments(std::vector<std::string>(proto.segments().begin(),
                                                     proto.segments().end()));
}

absl::StatusOr<PathPattern> DecodePattern(const v1::PathPattern& proto) {
  return PathPattern::Parse(proto.text());
}

void EncodePath(const Path& path, v1::Path* proto) {
  proto->set_text(path.ToText());
}

void EncodePattern(const PathPattern& pattern, v1::PathPattern* proto) {
  proto->set_text(pattern.ToText());
}

}  // namespace restate
