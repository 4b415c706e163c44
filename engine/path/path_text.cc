#include "engine/path/path_text.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/path/path.h"
#include "engine/path/utf8.h"

namespace restate::path_text {
namespace {

// Appends `escaped` with "~1" as "/" and "~0" as "~".
absl::Status AppendUnescaped(std::string_view escaped, std::string* key) {
  size_t tilde = escaped.find('~');
  if (tilde == std::string_view::npos) {
    key->append(escaped);
    return absl::OkStatus();
  }
  std::string_view rest = escaped;
  for (; tilde != std::string_view::npos; tilde = rest.find('~')) {
    key->append(rest.substr(0, tilde));
    const char code = tilde + 1 < rest.size() ? rest[tilde + 1] : '\0';
    if (code != '0' && code != '1') {
      return MakeError(
          Reason::kInvalidPath,
          absl::StrCat("segment ", Quoted(escaped),
                       ": \"~\" must be followed by 0 or 1; write \"~0\" for "
                       "\"~\" and \"~1\" for \"/\""));
    }
    key->push_back(code == '0' ? '~' : '/');
    rest.remove_prefix(tilde + 2);
  }
  key->append(rest);
  return absl::OkStatus();
}

absl::Status TooManySegments(size_t depth) {
  return MakeError(Reason::kInvalidPath,
                   absl::StrCat("the path has ", depth, " segments; at most ",
                                kMaxDepth, " are allowed"));
}

}  // namespace

absl::StatusOr<std::string> ParseKey(std::string_view text,
                                     Wildcards wildcards) {
  std::string key;
  key.reserve(std::min(text.size() + 1, kMaxPathBytes));
  size_t depth = 0;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find('/', begin), text.size());
    const std::string_view escaped = text.substr(begin, end - begin);
    begin = end + 1;
    if (escaped.empty()) continue;
    if (++depth > kMaxDepth) {
      // Counted only as far as it takes: the text may be megabytes of slashes.
      return MakeError(Reason::kInvalidPath,
                       absl::StrCat("the path has more than ", kMaxDepth,
                                    " segments: segment ", Quoted(escaped),
                                    " is one too "
                                    "many"));
    }
    const size_t start = key.size();
    if (absl::Status status = AppendUnescaped(escaped, &key); !status.ok()) {
      return status;
    }
    const std::string_view segment = std::string_view(key).substr(start);
    if (wildcards == Wildcards::kRefuse || segment != "*") {
      if (absl::Status status = ValidateSegment(segment); !status.ok()) {
        return status;
      }
    }
    key.push_back('\0');
  }
  if (key.size() > kMaxPathBytes) return CheckKeyLimits(key);
  return key;
}

std::string KeyToText(std::string_view key) {
  if (key.empty()) return "/";
  std::string text;
  text.reserve(key.size());
  for (std::string_view segment : Segments(key)) {
    text.push_back('/');
    for (char c : segment) {
      switch (c) {
        case '~':
          text.append("~0");
          break;
        case '/':
          text.append("~1");
          break;
        default:
          text.push_back(c);
      }
    }
  }
  return text;
}

absl::Status CheckKeyLimits(std::string_view key) {
  if (key.size() > kMaxPathBytes) {
    return MakeError(
        Reason::kInvalidPath,
        absl::StrCat("the path has ", key.size(),
                     " bytes (the segments' bytes plus one for each); at most ",
                     kMaxPathBytes, " are allowed"));
  }
  const auto depth =
      static_cast<size_t>(std::count(key.begin(), key.end(), '\0'));
  if (depth > kMaxDepth) return TooManySegments(depth);
  return absl::OkStatus();
}

}  // namespace restate::path_text
