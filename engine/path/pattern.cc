#include "engine/path/pattern.h"

#include <algorithm>
#include <utility>

#include "engine/path/path_text.h"

namespace restate {

absl::StatusOr<PathPattern> PathPattern::Parse(std::string_view text) {
  absl::StatusOr<std::string> key =
      path_text::ParseKey(text, path_text::Wildcards::kAllow);
  if (!key.ok()) return std::move(key).status();
  return PathPattern(*std::move(key));
}

PathPattern PathPattern::Exactly(const Path& path) {
  return PathPattern(path.key());
}

size_t PathPattern::depth() const {
  return static_cast<size_t>(std::count(key_.begin(), key_.end(), '\0'));
}

bool PathPattern::Matches(const Path& path) const {
  const Segments wanted = segments();
  const Segments found = path.segments();
  SegmentIterator w = wanted.begin();
  SegmentIterator f = found.begin();
  for (; w != wanted.end() && f != found.end(); ++w, ++f) {
    if (*w != kWildcard && *w != *f) return false;
  }
  return w == wanted.end() && f == found.end();
}

std::string PathPattern::ToText() const { return path_text::KeyToText(key_); }

}  // namespace restate
