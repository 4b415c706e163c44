#ifndef RESTATE_SERVICE_ADAPTERS_REQUEST_FINGERPRINT_H_
#define RESTATE_SERVICE_ADAPTERS_REQUEST_FINGERPRINT_H_

#include <string_view>

#include "absl/numeric/int128.h"
#include "engine/commit/commit_request.h"

namespace restate {

// Of what a write asks for, and of the kind of message (`type`, its full name)
// that asked: the first half of a SHA-256. The same however it is spelled, as long
// as it means the same: a path as text or as segments, a value as JSON or typed, a
// default that is given. When and in what form the answer comes (encoding,
// durability, wait), and the epoch, are no part of it.
//
// It is on disk: what it is made of must not change, or RecordedFingerprint must
// (engine/request/answer_record.proto).
absl::uint128 FingerprintOf(std::string_view type,
                            const CommitRequest& request);

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_REQUEST_FINGERPRINT_H_
