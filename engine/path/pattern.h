#ifndef RESTATE_ENGINE_PATH_PATTERN_H_
#define RESTATE_ENGINE_PATH_PATTERN_H_

#include <compare>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/path/path.h"

namespace restate {

// The segment that matches exactly one segment of any name.
inline constexpr std::string_view kWildcard = "*";

// A path in which whole segments may be "*". Held and ordered as a Path is;
// since "*" is no valid segment of a path, nothing is ambiguous. Patterns match
// paths of the same depth only.
//
//   pattern      path            matches
//   /            /               yes
//   /            /a              no
//   /*           /               no
//   /*           /a              yes
//   /*           /a/b            no
//   /a/*/c       /a/b/c          yes
//   /a/*/c       /a/c            no
//   /a/*/c       /a/b/c/d        no
//   /*/*         /a/b            yes
class PathPattern {
 public:
  // The root, matching the root.
  PathPattern() = default;

  // Parses the text form of a Path with "*" allowed as a whole segment. "*"
  // beside other characters is an ordinary segment ("a*"). INVALID_ARGUMENT /
  // INVALID_PATH as Path::Parse.
  static absl::StatusOr<PathPattern> Parse(std::string_view text);

  // The pattern that matches only `path`.
  static PathPattern Exactly(const Path& path);

  const std::string& key() const { return key_; }
  Segments segments() const { return Segments(key_); }
  size_t depth() const;
  bool Matches(const Path& path) const;
  std::string ToText() const;

  friend bool operator==(const PathPattern&, const PathPattern&) = default;
  friend std::strong_ordering operator<=>(const PathPattern& a,
                                          const PathPattern& b) {
    return a.key_.compare(b.key_) <=> 0;
  }

 private:
  explicit PathPattern(std::string key) : key_(std::move(key)) {}

  std::string key_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_PATH_PATTERN_H_
