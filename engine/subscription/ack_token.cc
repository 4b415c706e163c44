#include "engine/subscription/ack_token.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"

namespace restate {

std::string EncodeAckToken(std::string_view issuer, uint64_t ack_id) {
  return absl::StrCat(AbslView(issuer), "-", absl::Hex(ack_id));
}

std::optional<uint64_t> DecodeAckToken(std::string_view issuer,
                                       std::string_view token) {
  uint64_t ack_id = 0;
  if (token.size() <= issuer.size() + 1 ||
      token.substr(0, issuer.size()) != issuer ||
      token[issuer.size()] != '-' ||
      !absl::SimpleHexAtoi(AbslView(token.substr(issuer.size() + 1)),
                           &ack_id)) {
    return std::nullopt;
  }
  return ack_id;
}

}  // namespace restate
