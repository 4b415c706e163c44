#include "engine/backend/filesystem/file_names.h"

#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"
#include "engine/path/utf8.h"

namespace restate {
namespace {

// What a Linux file system takes for one name, in bytes.
constexpr size_t kMaxNameBytes = 255;
// "/" in escaped form: the key of an own value, and no segment.
constexpr std::string_view kRootStem = "%2F";

bool MustEscape(unsigned char c) {
  return c == '/' || c == '%' || c < 0x20 || c == 0x7f;
}

// Undoes Encode; nothing for a "%" without two digits.
std::optional<std::string> Decode(std::string_view stem) {
  std::string segment;
  for (size_t i = 0; i < stem.size(); ++i) {
    if (stem[i] != '%') {
      segment += stem[i];
      continue;
    }
    if (stem.size() - i < 3) return std::nullopt;
    int byte = 0;
    for (char c : {stem[i + 1], stem[i + 2]}) {
      if (!absl::ascii_isxdigit(c)) return std::nullopt;
      const int digit = absl::ascii_isdigit(c)
                            ? c - '0'
                            : absl::ascii_toupper(c) - 'A' + 10;
      byte = byte * 16 + digit;
    }
    segment += static_cast<char>(byte);
    i += 2;
  }
  return segment;
}

}  // namespace

std::string FileNames::Encode(std::string_view segment) const {
  const size_t last_dot = segment.ends_with(suffix_)
                              ? segment.size() - suffix_.size()
                              : std::string_view::npos;
  std::string name;
  for (size_t i = 0; i < segment.size(); ++i) {
    const unsigned char c = segment[i];
    if (MustEscape(c) || (c == '.' && (i == 0 || i == last_dot))) {
      absl::StrAppendFormat(&name, "%%%02X", c);
    } else {
      name += segment[i];
    }
  }
  return name;
}

std::string FileNames::DirectoryOf(const Path& path) const {
  std::string name;
  for (std::string_view segment : path.segments()) {
    if (!name.empty()) name += '/';
    name += Encode(segment);
  }
  return name;
}

std::string FileNames::FileOf(const Path& path) const {
  if (path.is_root()) return std::string(kRootStem) + suffix_;
  return DirectoryOf(path) + suffix_;
}

absl::Status FileNames::CheckNames(const Path& path) const {
  size_t depth = 0;
  for (std::string_view segment : path.segments()) {
    ++depth;
    const size_t bytes = Encode(segment).size() +
                         (depth == path.depth() ? suffix_.size() : 0);
    if (bytes <= kMaxNameBytes) continue;
    return MakeError(
        Reason::kNotStorable,
        absl::StrCat(path.ToText(),
                     " cannot be stored as a file: the name for ",
                     Quoted(segment), " would take ", bytes,
                     " bytes, and file names have ", kMaxNameBytes,
                     " at most; use a shorter key"),
        {{"path", path.ToText()}});
  }
  return absl::OkStatus();
}

FileNames::Meaning FileNames::OfFile(std::string_view name) const {
  if (name.starts_with('.') || !name.ends_with(suffix_)) return {};
  name.remove_suffix(suffix_.size());
  if (name == kRootStem) return {Meaning::Kind::kRoot, "", ""};
  return OfStem(name, suffix_);
}

FileNames::Meaning FileNames::OfDirectory(std::string_view name) const {
  if (name.starts_with('.')) return {};
  return OfStem(name, "");
}

FileNames::Meaning FileNames::OfStem(std::string_view stem,
                                     std::string_view suffix) const {
  std::optional<std::string> segment = Decode(stem);
  if (!segment.has_value()) {
    return {Meaning::Kind::kMisspelled, "",
            "a % in a name is written %25: rename it"};
  }
  if (absl::Status valid = ValidateSegment(*segment); !valid.ok()) {
    return {Meaning::Kind::kMisspelled, "",
            absl::StrCat("its name is no path segment (",
                         valid.message(), "): rename it")};
  }
  const std::string expected = Encode(*segment);
  if (expected != stem) {
    return {Meaning::Kind::kMisspelled, "",
            absl::StrCat("its name is to be written ",
                         Quoted(expected + std::string(suffix)),
                         ": rename it")};
  }
  return {Meaning::Kind::kSegment, *std::move(segment), ""};
}

}  // namespace restate
