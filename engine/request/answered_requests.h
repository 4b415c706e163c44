#ifndef RESTATE_ENGINE_REQUEST_ANSWERED_REQUESTS_H_
#define RESTATE_ENGINE_REQUEST_ANSWERED_REQUESTS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/backend/commit_store.h"
#include "engine/clock/clock.h"
#include "engine/commit/commit_request.h"
#include "engine/request/request_identity.h"

namespace restate {

// How long answers are remembered: as long as both bounds let them.
struct RequestBounds {
  // In memory, and about as much on disk.
  size_t bytes = size_t{64} << 20;
  // By a monotonic clock, from when it was answered; from the start of the
  // server for those that it found. Older ones go when the next one comes.
  absl::Duration age = absl::Minutes(10);
};

// The requests that were answered with success, by their ids: what makes a
// retry safe. Errors are not kept.
//
// What a batch of commits answers is staged, and becomes true with the batch,
// or never. Later commits of the batch find it: a duplicate of a request that
// is under way is sequenced behind it, and so gets its answer.
//
// status() is thread-safe; the rest is the sequencer's thread's.
class AnsweredRequests {
 public:
  // `clock` outlives it.
  AnsweredRequests(RequestBounds bounds, const Clock* clock)
      : bounds_(bounds), clock_(clock) {}

  // Forgets everything and takes what is in the store; nothing is staged.
  // Errors as ReadRequests; DATA_LOSS / CORRUPT if one is missing in between.
  absl::Status Reload(const CommitStore& store);

  // The answer to be given again; nothing if the request is to be executed.
  //   INVALID_ARGUMENT / INVALID_REQUEST: the id was used for something else.
  //   DATA_LOSS / CORRUPT
  absl::StatusOr<std::optional<CommitResult>> Find(
      const RequestIdentity& request) const;

  // Stages an answer. REQUIRES: Find gave nothing for it.
  void Stage(const RequestIdentity& request, const CommitResult& result);
  bool HasStaged() const { return !staged_.empty(); }
  // What is staged, for the store, with what may be forgotten.
  RequestChanges Staged();
  // The batch is decided.
  void PublishStaged();
  // It never was.
  void DropStaged();

  // How far back it reaches.
  struct Status {
    size_t count = 0;
    size_t bytes = 0;
    // When the oldest was answered; infinite past if there is none.
    absl::Time oldest = absl::InfinitePast();
  };
  Status status() const;

 private:
  struct Entry {
    RequestIdentity identity;
    absl::Time time;
    absl::Duration answered_at;
    // Encoded.
    std::string answer;
  };

  static size_t BytesOf(const Entry& entry);
  void Append(Entry entry);
  void EnforceBounds();
  void UpdateStatus();
  const Entry* FindEntry(absl::uint128 id) const;

  const RequestBounds bounds_;
  const Clock* const clock_;

  // Those with the sequences from first_ on.
  std::deque<Entry> entries_;
  uint64_t first_ = 1;
  // The store keeps those from this one on: it forgets many at a time.
  uint64_t first_stored_ = 1;
  // Of those that it keeps still.
  size_t forgotten_bytes_ = 0;
  // What Staged said to the store.
  uint64_t forgetting_before_ = 0;
  // Id to sequence.
  absl::flat_hash_map<absl::uint128, uint64_t> by_id_;
  size_t bytes_ = 0;

  std::vector<Entry> staged_;
  // Id to place in staged_.
  absl::flat_hash_map<absl::uint128, size_t> staged_by_id_;

  // Of what is above, for status().
  std::atomic<size_t> shown_count_ = 0;
  std::atomic<size_t> shown_bytes_ = 0;
  std::atomic<int64_t> shown_oldest_nanos_ = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_REQUEST_ANSWERED_REQUESTS_H_
