#ifndef RESTATE_ENGINE_HISTORY_COMMIT_CODEC_H_
#define RESTATE_ENGINE_HISTORY_COMMIT_CODEC_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/commit/effect.h"
#include "history_record.pb.h"

namespace restate {

// Turns commits into the bytes that a store keeps, exactly: what is decoded is
// what was encoded, but for parts of a nanosecond. Reuses its memory from one
// commit to the next. Not thread-safe.
class CommitEncoder {
 public:
  // Appends the record of a commit to `bytes`; its revision is the record's
  // key and not inside.
  void Append(const SequencedCommit& commit, std::string* bytes);

 private:
  storage::v1::HistoryRecord record_;
};

// DATA_LOSS / CORRUPT saying what is wrong with the bytes.
absl::StatusOr<SequencedCommit> DecodeCommit(Revision revision,
                                             std::string_view bytes);

// The time of a commit, without the rest. DATA_LOSS / CORRUPT.
absl::StatusOr<absl::Time> DecodeCommitTime(Revision revision,
                                            std::string_view bytes);

}  // namespace restate

#endif  // RESTATE_ENGINE_HISTORY_COMMIT_CODEC_H_
