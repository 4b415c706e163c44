#ifndef RESTATE_ENGINE_REQUEST_ANSWER_CODEC_H_
#define RESTATE_ENGINE_REQUEST_ANSWER_CODEC_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/commit/commit_request.h"

namespace restate {

// The bytes of an answer: an AnswerRecord.
std::string EncodeAnswer(const CommitResult& result);
// Whether the request's fingerprint, beside the answer, is of what it asked for. It
// is not where an older version has written it.
bool HasFingerprintOfMeaning(std::string_view bytes);
// The answer, not marked as replayed. DATA_LOSS / CORRUPT for bytes that
// EncodeAnswer cannot have made.
absl::StatusOr<CommitResult> DecodeAnswer(std::string_view bytes);

}  // namespace restate

#endif  // RESTATE_ENGINE_REQUEST_ANSWER_CODEC_H_
