#ifndef RESTATE_ENGINE_COMMIT_COMMIT_COUNTERS_H_
#define RESTATE_ENGINE_COMMIT_COMMIT_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>

#include "absl/types/span.h"
#include "engine/commit/commit_request.h"
#include "engine/commit/effect.h"
#include "engine/measure/counter.h"
#include "engine/measure/histogram.h"

namespace restate {

// What a sequencer has done since it was started. Only the sequencer's thread
// counts; anybody may read.
struct CommitCounters {
  // One for each CommitOrigin.
  static constexpr size_t kOrigins = 5;

  // Published commits, and operations in them that changed something or pinged:
  // those of clients and the like by the commit's origin, and derived writes.
  std::array<Counter, kOrigins> commits;
  std::array<Counter, kOrigins> operations;
  Counter derived_writes;
  // Commits that changed nothing, that were refused, and that were retries of
  // what had been answered.
  Counter unchanged;
  Counter refused;
  Counter replayed;
  // How many commits were taken at once, and how long it took until all of them
  // were answered and told to listeners.
  Histogram batch_commits{CountBounds()};
  Histogram batch_time{TimeBounds()};
  // How long the commit store took to make a batch durable.
  Histogram store_time{TimeBounds()};
  // Batches for which the commit store failed.
  Counter failed_batches;
  // What the memory of last changes takes, in bytes.
  std::atomic<size_t> last_changes_bytes = 0;

  void CountPublished(absl::Span<const SequencedCommit> published) {
    for (const SequencedCommit& commit : published) {
      const size_t origin = static_cast<size_t>(commit.origin);
      size_t derived = 0;
      for (const Effect& effect : commit.effects) derived += effect.derived;
      commits[origin].AddAlone();
      operations[origin].AddAlone(commit.effects.size() - derived);
      derived_writes.AddAlone(derived);
    }
  }
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_COMMIT_COUNTERS_H_
