#include "engine/path/path.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"
#include "engine/path/path_text.h"
#include "engine/path/utf8.h"

namespace restate {
namespace {

// The size of the key without its last segment. REQUIRES: not the root's.
size_t ParentSize(std::string_view key) {
  const size_t end = key.rfind('\0', key.size() - 2);
  return end == std::string_view::npos ? 0 : end + 1;
}

absl::Status BadSegment(std::string_view segment, std::string_view rule) {
  return MakeError(
      Reason::kInvalidPath,
      absl::StrCat("segment ", Quoted(segment), ": ", AbslView(rule)));
}

}  // namespace

absl::Status ValidateSegment(std::string_view segment) {
  if (segment.empty()) {
    return BadSegment(segment, "a segment must have at least one byte");
  }
  if (segment.size() > kMaxSegmentBytes) {
    return BadSegment(segment,
                      absl::StrCat("has ", segment.size(), " bytes; at most ",
                                   kMaxSegmentBytes, " are allowed"));
  }
  if (segment.find('\0') != std::string_view::npos) {
    return BadSegment(segment, "must not contain a NUL byte");
  }
  if (!IsValidUtf8(segment)) {
    return BadSegment(segment, "must be valid UTF-8");
  }
  if (segment.size() > 2) return absl::OkStatus();
  if (segment == "." || segment == "..") {
    return BadSegment(segment, "\".\" and \"..\" are not allowed as segments");
  }
  if (segment == "*") {
    return BadSegment(segment,
                      "wildcards are for subscriptions only; name the parent "
                      "to mean everything below it");
  }
  if (segment == "/") {
    return BadSegment(segment,
                      "\"/\" alone is not allowed as a segment; it stands for "
                      "a node's own value inside maps");
  }
  return absl::OkStatus();
}

absl::StatusOr<Path> Path::Parse(std::string_view text) {
  absl::StatusOr<std::string> key =
      path_text::ParseKey(text, path_text::Wildcards::kRefuse);
  if (!key.ok()) return std::move(key).status();
  return Path(*std::move(key));
}

absl::StatusOr<Path> Path::FromSegments(
    absl::Span<const std::string> segments) {
  std::string key;
  for (const std::string& segment : segments) {
    if (absl::Status status = ValidateSegment(segment); !status.ok()) {
      return status;
    }
    key.append(segment);
    key.push_back('\0');
  }
  if (absl::Status status = path_text::CheckKeyLimits(key); !status.ok()) {
    return status;
  }
  return Path(std::move(key));
}

Path Path::FromKey(std::string key) { return Path(std::move(key)); }

size_t Path::depth() const {
  return static_cast<size_t>(std::count(key_.begin(), key_.end(), '\0'));
}

std::string_view Path::name() const {
  if (key_.empty()) return {};
  const size_t begin = ParentSize(key_);
  return std::string_view(key_).substr(begin, key_.size() - begin - 1);
}

Path Path::parent() const { return Path(key_.substr(0, ParentSize(key_))); }

Path Path::Ancestor(size_t depth) const {
  size_t size = 0;
  for (; depth > 0; --depth) size = key_.find('\0', size) + 1;
  return Path(key_.substr(0, size));
}

Path Path::Child(std::string_view segment) const {
  std::string key;
  key.reserve(key_.size() + segment.size() + 1);
  key.append(key_);
  key.append(segment);
  key.push_back('\0');
  return Path(std::move(key));
}

Path Path::Join(const Path& relative) const {
  return Path(absl::StrCat(key_, relative.key_));
}

Path Path::RelativeTo(const Path& ancestor) const {
  return Path(key_.substr(ancestor.key_.size()));
}

std::string Path::SubtreeEnd() const {
  std::string end = key_;
  // Every key of the subtree begins with this one, whose last byte is NUL.
  if (!end.empty()) end.back() = '\x01';
  return end;
}

absl::Status Path::CheckLimits() const {
  return path_text::CheckKeyLimits(key_);
}

std::string Path::ToText() const { return path_text::KeyToText(key_); }

}  // namespace restate
