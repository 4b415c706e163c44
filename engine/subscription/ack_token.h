#ifndef RESTATE_ENGINE_SUBSCRIPTION_ACK_TOKEN_H_
#define RESTATE_ENGINE_SUBSCRIPTION_ACK_TOKEN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace restate {

// Event::ack_id as text for a client. `issuer` tells the process that gave it,
// so that a token from before a restart answers nothing.
std::string EncodeAckToken(std::string_view issuer, uint64_t ack_id);

// Nothing if the token is none of this issuer's.
std::optional<uint64_t> DecodeAckToken(std::string_view issuer,
                                       std::string_view token);

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_ACK_TOKEN_H_
