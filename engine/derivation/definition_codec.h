#ifndef RESTATE_ENGINE_DERIVATION_DEFINITION_CODEC_H_
#define RESTATE_ENGINE_DERIVATION_DEFINITION_CODEC_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/derivation/definition.h"

namespace restate {

// The keys of definitions among the store's small records begin with this; the
// key of the destination's path follows.
inline constexpr std::string_view kDerivationRecordPrefix = "derivation/";

// A definition as a store keeps it, with the number of its value's place.
struct StoredDefinition {
  uint64_t id = 0;
  Definition definition;
};

std::string DerivationRecordKey(const Path& dest);
std::string EncodeDefinition(const StoredDefinition& stored);
// DATA_LOSS / CORRUPT.
absl::StatusOr<StoredDefinition> DecodeDefinition(std::string_view bytes);

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_DEFINITION_CODEC_H_
