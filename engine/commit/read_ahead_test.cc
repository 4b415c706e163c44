// A commit whose reads of a slow mount keep changing. Story: beside three writers
// that never paused, the first write of a new key below a remote mount was read
// for again and again, because each of their writes changes what its parent
// holds; it was refused after 100 attempts, and the next request of that client
// fared no better.

#include "engine/commit/read_ahead.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/sync/mutex.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

constexpr int kWriters = 3;

// Stands for a sequencer in which each commit of a writer invalidates what was
// read for the victim, the one commit with a run id.
class Store {
 public:
  Store()
      : ahead_([this](CommitRequest* request) { return Read(*request); },
               [this](QueuedCommit commit) { Judge(std::move(commit)); }) {}

  void AddWriter() {
    ahead_.Add({CommitRequest(), [](absl::StatusOr<CommitResult>) {}}, "store");
  }
  absl::StatusOr<CommitResult> DoVictim() {
    CommitRequest request;
    request.run_id = "victim";
    ahead_.Add({std::move(request),
                [this](absl::StatusOr<CommitResult> result) {
                  MutexLock lock(&mutex_);
                  answer_ = std::move(result);
                  changed_.NotifyAll();
                }},
               "store");
    MutexLock lock(&mutex_);
    while (!answer_.has_value()) changed_.Wait(&mutex_);
    return *answer_;
  }
  void WaitForWriters(int more) {
    MutexLock lock(&mutex_);
    const int enough = written_ + more;
    while (written_ < enough) changed_.Wait(&mutex_);
  }
  int attempts() {
    MutexLock lock(&mutex_);
    return attempts_;
  }
  void Stop() { ahead_.Stop(); }

 private:
  absl::Status Read(const CommitRequest& request) {
    if (request.run_id.empty()) return absl::OkStatus();
    MutexLock lock(&mutex_);
    read_at_ = written_;
    ++attempts_;
    // The writers are always faster, as long as they are let.
    while (!request.holds_stores && written_ == read_at_) {
      changed_.Wait(&mutex_);
    }
    return absl::OkStatus();
  }
  void Judge(QueuedCommit commit) {
    if (commit.request.run_id.empty()) {
      {
        MutexLock lock(&mutex_);
        ++written_;
        changed_.NotifyAll();
      }
      commit.request.read_attempts = 0;
      ahead_.Add(std::move(commit), "store");
      return;
    }
    bool fresh = false;
    {
      MutexLock lock(&mutex_);
      fresh = written_ == read_at_;
    }
    if (fresh) {
      commit.done(CommitResult());
    } else {
      ahead_.Add(std::move(commit), "store");
    }
  }

  Mutex mutex_;
  CondVar changed_;
  int written_ ABSL_GUARDED_BY(mutex_) = 0;
  int read_at_ ABSL_GUARDED_BY(mutex_) = 0;
  int attempts_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<absl::StatusOr<CommitResult>> answer_ ABSL_GUARDED_BY(mutex_);
  ReadAhead ahead_;
};

TEST(ReadAheadTest, ACommitWhoseReadsKeepChangingHoldsItsStore) {
  Store store;
  for (int i = 0; i < kWriters; ++i) store.AddWriter();
  store.WaitForWriters(1);
  const absl::StatusOr<CommitResult> answer = store.DoVictim();
  EXPECT_TRUE(answer.ok()) << answer.status();
  // Four beside the others, then alone but for those already on their way.
  EXPECT_LE(store.attempts(), 4 + 1 + kWriters);
  // The others are let go on.
  store.WaitForWriters(10);
  store.Stop();
}

}  // namespace
}  // namespace restate
