#ifndef RESTATE_SERVICE_DERIVATIONS_DERIVATION_ADAPTER_H_
#define RESTATE_SERVICE_DERIVATIONS_DERIVATION_ADAPTER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/derivation/definition.h"
#include "engine/derivation/derivation_state.h"
#include "restate/v1/derivation_service.pb.h"
#include "service/adapters/limits.h"

namespace restate {

// Derivations between the wire and the engine.

// INVALID_ARGUMENT / INVALID_PATH, INVALID_VALUE, INVALID_REQUEST. Whether it can
// be derived is the engine's to say.
absl::StatusOr<Definition> DecodeDefinition(const v1::DeriveRequest& request,
                                            const RequestLimits& limits);

v1::DerivationStatus EncodeStatus(DerivationStatus status);

// `hosts` are in the order in which they became hosts.
void EncodeDerivation(const DerivationState& state,
                      const Derivation& derivation,
                      const std::vector<std::string>& hosts,
                      v1::DerivationInfo* proto);

}  // namespace restate

#endif  // RESTATE_SERVICE_DERIVATIONS_DERIVATION_ADAPTER_H_
