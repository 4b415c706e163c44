#include "engine/backend/filesystem/serializer/scalar_text.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"

namespace restate::scalar_text {
namespace {

// Characters of more than one byte that YAML programs may take for a line
// break, a byte order mark, or refuse: with the escapes that both formats have.
struct Special {
  std::string_view bytes;
  std::string_view escape;
};
constexpr Special kSpecials[] = {
    {"\xe2\x80\xa8", "\\u2028"},
    {"\xe2\x80\xa9", "\\u2029"},
    {"\xef\xbb\xbf", "\\ufeff"},
    {"\xef\xbf\xbe", "\\ufffe"},
    {"\xef\xbf\xbf", "\\uffff"},
};

}  // namespace

std::string DoubleQuoted(std::string_view text) {
  std::string quoted = "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = text[i];
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += text[i];
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (c == '\r') {
      quoted += "\\r";
    } else if (c < 0x20 || c == 0x7f) {
      absl::StrAppendFormat(&quoted, "\\u%04x", c);
    } else if (c == 0xc2 && i + 1 < text.size() &&
               static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      // U+0080 to U+009F: control characters too.
      absl::StrAppendFormat(&quoted, "\\u%04x",
                            static_cast<unsigned char>(text[++i]));
    } else {
      const auto special = std::find_if(
          std::begin(kSpecials), std::end(kSpecials),
          [rest = text.substr(i)](const Special& candidate) {
            return rest.starts_with(candidate.bytes);
          });
      if (special == std::end(kSpecials)) {
        quoted += text[i];
      } else {
        quoted += special->escape;
        i += special->bytes.size() - 1;
      }
    }
  }
  quoted += '"';
  return quoted;
}

std::string DoubleText(double number) {
  char buffer[32];
  const auto end =
      std::to_chars(std::begin(buffer), std::end(buffer), number).ptr;
  std::string text(buffer, end);
  if (text.find('.') != std::string::npos) return text;
  // "1e+20": YAML 1.1 takes it for a number only with a point.
  const size_t exponent = text.find('e');
  text.insert(exponent == std::string::npos ? text.size() : exponent, ".0");
  return text;
}

absl::Status ErrorAtLine(size_t line, std::string_view message) {
  return MakeError(Reason::kInvalidValue,
                   absl::StrCat("line ", line, ": ", AbslView(message)));
}

std::string TooManyValues(size_t most) {
  return absl::StrCat("there are more than ", most,
                      " values: make several files of it");
}

size_t LineOf(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  return 1 + std::count(before.begin(), before.end(), '\n');
}

}  // namespace restate::scalar_text
