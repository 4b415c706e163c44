#ifndef RESTATE_ENGINE_DERIVATION_PROGRESS_CODEC_H_
#define RESTATE_ENGINE_DERIVATION_PROGRESS_CODEC_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "engine/backend/commit_store.h"
#include "engine/derivation/definition.h"
#include "engine/derivation/derivation_state.h"

namespace restate {

// How derivations are doing is among the store's small records, written with the
// commit that decided it: a start takes it from there and decides nothing again.
//
// The key of such a record begins with this; the key of the destination's path
// follows.
inline constexpr std::string_view kProgressRecordPrefix = "derived/";
// The epoch in which every change of this kind was recorded. In another one what
// is recorded may not go with the values: everything is computed again.
inline constexpr std::string_view kProgressKeptKey = "derivations-kept";

// What becomes of the record when the progress of a derivation goes from `before`
// to `after`; false if it stays as it is.
bool ProgressChange(const Definition& definition,
                    const DerivationProgress& before,
                    const DerivationProgress& after, RecordChange* change);
// The record goes, if there is one.
RecordChange ForgetProgress(const Path& dest);
// Makes the progress what is in a record of it: DATA_LOSS / CORRUPT.
absl::Status DecodeProgress(std::string_view bytes,
                            DerivationProgress* progress);

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_PROGRESS_CODEC_H_
