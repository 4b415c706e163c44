#include "service/adapters/request_id.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"

namespace restate {
namespace {

constexpr size_t kUuidLength = 36;
constexpr std::array<size_t, 4> kUuidHyphens = {8, 13, 18, 23};

// -1 if it is none.
int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

absl::StatusOr<absl::uint128> ParseUuid(std::string_view text) {
  bool valid = text.size() == kUuidLength;
  absl::uint128 number = 0;
  for (size_t i = 0; valid && i < text.size(); ++i) {
    bool hyphen = false;
    for (size_t at : kUuidHyphens) hyphen |= i == at;
    if (hyphen) {
      valid = text[i] == '-';
      continue;
    }
    const int digit = HexDigit(text[i]);
    valid = digit >= 0;
    if (valid) number = number << 4 | static_cast<uint64_t>(digit);
  }
  if (valid) return number;
  return MakeError(
      Reason::kInvalidRequest,
      absl::StrCat("request_id is \"", AbslView(text.substr(0, kUuidLength)),
                   "\"; it must be a UUID such as "
                   "123e4567-e89b-42d3-a456-426614174000"));
}

}  // namespace restate
