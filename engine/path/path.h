#ifndef RESTATE_ENGINE_PATH_PATH_H_
#define RESTATE_ENGINE_PATH_PATH_H_

#include <compare>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace restate {

// The most segments a path may have, and the deepest that a path together with
// the lists and maps inside its leaf may nest.
inline constexpr size_t kMaxDepth = 30;
// The most bytes a path may have: the segments' bytes plus one for each.
inline constexpr size_t kMaxPathBytes = 4096;
// The most bytes a segment may have.
inline constexpr size_t kMaxSegmentBytes = 255;

// OK if `segment` is valid UTF-8 of 1 to 255 bytes without NUL and is not ".",
// "..", "*" or "/" alone. Otherwise INVALID_ARGUMENT / INVALID_PATH naming the
// segment and the rule.
absl::Status ValidateSegment(std::string_view segment);

// Walks the segments of an encoded path. Views point into the path.
class SegmentIterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = std::string_view;
  using difference_type = std::ptrdiff_t;
  using pointer = const std::string_view*;
  using reference = std::string_view;

  SegmentIterator() = default;
  explicit SegmentIterator(std::string_view rest) : rest_(rest) {}

  std::string_view operator*() const {
    return rest_.substr(0, rest_.find('\0'));
  }
  SegmentIterator& operator++() {
    rest_.remove_prefix(rest_.find('\0') + 1);
    return *this;
  }
  SegmentIterator operator++(int) {
    SegmentIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const SegmentIterator& other) const {
    return rest_.size() == other.rest_.size();
  }

 private:
  std::string_view rest_;
};

// The segments of a path, for range-for.
class Segments {
 public:
  explicit Segments(std::string_view key) : key_(key) {}
  SegmentIterator begin() const { return SegmentIterator(key_); }
  SegmentIterator end() const { return SegmentIterator(); }

 private:
  std::string_view key_;
};

// A place in the tree: a list of at most 30 valid segments.
//
// Held as its key: each segment followed by a NUL byte, which no segment can
// contain and which sorts before every byte that one can. So
//   - comparing keys bytewise compares paths segment by segment, in byte order;
//   - a subtree is the contiguous range [key, SubtreeEnd()) of keys, the node
//     itself first;
//   - the root's key is empty.
// The same bytes are the keys on disk (docs/disk-format.md).
//
// A value type; safe to share between threads as std::string is.
class Path {
 public:
  // The root.
  Path() = default;

  // Parses the text form: "/users/1". Leading slash optional, repeated and
  // trailing slashes collapse, "~1" is "/" and "~0" is "~" inside a segment
  // (RFC 6901). INVALID_ARGUMENT / INVALID_PATH naming the segment and the
  // rule.
  static absl::StatusOr<Path> Parse(std::string_view text);

  // From unescaped segments. Errors as Parse.
  static absl::StatusOr<Path> FromSegments(
      absl::Span<const std::string> segments);

  // From a key that key() gave. REQUIRES: it did; nothing is checked.
  static Path FromKey(std::string key);

  // The order-preserving encoding described above.
  const std::string& key() const { return key_; }
  bool is_root() const { return key_.empty(); }
  // The number of segments; 0 for the root.
  size_t depth() const;
  Segments segments() const { return Segments(key_); }
  // The last segment; empty for the root.
  std::string_view name() const;
  // The path without its last segment. REQUIRES: !is_root().
  Path parent() const;
  // The first `depth` segments. REQUIRES: depth <= this->depth().
  Path Ancestor(size_t depth) const;
  // One segment deeper. REQUIRES: `segment` is valid; the result's depth and
  // size are not checked (see CheckLimits).
  Path Child(std::string_view segment) const;
  // This path followed by the segments of `relative`.
  Path Join(const Path& relative) const;
  // The segments after those of `ancestor`. REQUIRES: ancestor.Contains(*this).
  Path RelativeTo(const Path& ancestor) const;

  // Whether `other` is this path or below it.
  bool Contains(const Path& other) const {
    return other.key_.starts_with(key_);
  }
  // Whether `other` is strictly below this path.
  bool StrictlyContains(const Path& other) const {
    return other.key_.size() > key_.size() && Contains(other);
  }

  // The least key greater than every key of this subtree; empty for the root,
  // where there is none.
  std::string SubtreeEnd() const;

  // Depth and size limits, for paths built with Child and Join.
  absl::Status CheckLimits() const;

  // "/users/1", escaped; "/" for the root.
  std::string ToText() const;

  friend bool operator==(const Path&, const Path&) = default;
  friend std::strong_ordering operator<=>(const Path& a, const Path& b) {
    return a.key_.compare(b.key_) <=> 0;
  }
  template <typename H>
  friend H AbslHashValue(H h, const Path& path) {
    return H::combine(std::move(h), path.key_);
  }

 private:
  explicit Path(std::string key) : key_(std::move(key)) {}

  std::string key_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_PATH_PATH_H_
