#include "engine/path/utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"

namespace restate {
namespace {

constexpr size_t kMaxQuotedBytes = 80;

uint8_t ByteAt(std::string_view bytes, size_t i) {
  return static_cast<uint8_t>(bytes[i]);
}

bool IsContinuation(uint8_t byte) { return (byte & 0xC0) == 0x80; }

// The number of bytes of the well-formed character at the front of `bytes`, or
// 0. REQUIRES: not empty.
size_t CharacterSize(std::string_view bytes) {
  const uint8_t lead = ByteAt(bytes, 0);
  if (lead < 0x80) return 1;
  // C0 and C1 could only begin overlong forms; F5 and above only what is beyond
  // U+10FFFF.
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (bytes.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if (!IsContinuation(ByteAt(bytes, i))) return 0;
  }
  const uint8_t second = ByteAt(bytes, 1);
  if (lead == 0xE0 && second < 0xA0) return 0;  // Overlong.
  if (lead == 0xED && second > 0x9F) return 0;  // A surrogate.
  if (lead == 0xF0 && second < 0x90) return 0;  // Overlong.
  if (lead == 0xF4 && second > 0x8F) return 0;  // Above U+10FFFF.
  return size;
}

}  // namespace

bool IsValidUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    // Most text is ASCII: eight bytes at a time.
    uint64_t word = 0;
    while (bytes.size() >= sizeof(word)) {
      std::memcpy(&word, bytes.data(), sizeof(word));
      if ((word & 0x8080808080808080u) != 0) break;
      bytes.remove_prefix(sizeof(word));
    }
    if (bytes.empty()) break;
    const size_t size = CharacterSize(bytes);
    if (size == 0) return false;
    bytes.remove_prefix(size);
  }
  return true;
}

std::string Quoted(std::string_view bytes) {
  size_t cut = bytes.size();
  if (cut > kMaxQuotedBytes) {
    cut = kMaxQuotedBytes;
    // Not inside a character.
    while (cut > kMaxQuotedBytes - 4 && IsContinuation(ByteAt(bytes, cut))) {
      --cut;
    }
  }
  const std::string_view shown = bytes.substr(0, cut);
  return absl::StrCat("\"",
                      IsValidUtf8(shown)
                          ? absl::Utf8SafeCEscape(AbslView(shown))
                          : absl::CHexEscape(AbslView(shown)),
                      cut < bytes.size() ? "...\"" : "\"");
}

}  // namespace restate
