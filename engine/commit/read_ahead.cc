#include "engine/commit/read_ahead.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "engine/backend/hybrid/hybrid_snapshot.h"
#include "engine/backend/hybrid/mount_table.h"
#include "engine/commit/executor.h"
#include "engine/commit/last_changes.h"
#include "engine/commit/overlay.h"
#include "engine/commit/remembered_reads.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// A slow store answers several at a time.
constexpr int kThreads = 8;
constexpr int kThreadsOfOneStore = kThreads / 2;
constexpr size_t kMaxWaiting = 10'000;
// How often a commit may find that what was read for it has changed.
constexpr int kMaxAttempts = 100;
// After how many it holds its store, and after how many all of them.
constexpr int kAttemptsBesideOthers = 4;
constexpr int kAttemptsWithOneStore = 16;
// In ReadAhead::held_. No store has this name.
constexpr char kAllStores[] = "*";

template <typename... Kinds>
const Path& PathOf(const std::variant<Kinds...>& one) {
  return std::visit([](const auto& it) -> const Path& { return it.path; }, one);
}

absl::Status ShuttingDown() {
  return MakeError(Reason::kShuttingDown,
                   "the server is shutting down: try again, or elsewhere");
}

}  // namespace

bool Touches(const CommitRequest& request, absl::Span<const Path> places) {
  const auto touches = [&](const auto& one) {
    const Path& path = PathOf(one);
    return std::any_of(places.begin(), places.end(), [&](const Path& place) {
      return place.Contains(path) || path.Contains(place);
    });
  };
  return std::any_of(request.operations.begin(), request.operations.end(),
                     touches) ||
         std::any_of(request.preconditions.begin(),
                     request.preconditions.end(), touches);
}

absl::Status ReadAheadOf(const PublishedState& state,
                         absl::Span<const Path> slow, size_t max_leaf_bytes,
                         CommitRequest* request) {
  auto reads = std::make_shared<RememberedReads>(state.revision());
  std::vector<MountedSnapshot> mounts = state.mounts();
  std::vector<Path> points;
  for (MountedSnapshot& mount : mounts) {
    points.push_back(mount.at);
    if (mount.snapshot.ok() &&
        std::find(slow.begin(), slow.end(), mount.at) != slow.end()) {
      mount.snapshot = reads->Remember(mount.at, *std::move(mount.snapshot));
    }
  }
  const HybridSnapshot tree(std::move(mounts));
  Overlay overlay(&tree);
  // What changed since when is known when the commit is judged.
  CommitRequest alone = *request;
  std::erase_if(alone.preconditions, [](const Precondition& one) {
    return std::holds_alternative<UnchangedSince>(one);
  });
  if (alone.derivation.has_value()) {
    // What clients wrote at a destination is looked at, and may go.
    if (const auto* define =
            std::get_if<DefineDerivation>(&*alone.derivation)) {
      alone.operations.push_back(
          DeleteOperation{.path = define->definition.dest});
    }
  }
  const LastChanges nothing(0, state.revision());
  const auto can_store = [](const Write&) { return absl::OkStatus(); };
  absl::Status status =
      Execute(alone,
              ExecutionContext{&overlay, &state.derivations().values, &nothing,
                               can_store, state.revision() + 1, max_leaf_bytes})
          .status();
  if (status.ok()) {
    status = MountTable(std::move(points))
                 .Split(overlay.Writes(), tree)
                 .status();
  }
  request->read_ahead = std::move(reads);
  // Everything else is judged again.
  return absl::IsUnavailable(status) || absl::IsDataLoss(status)
             ? status
             : absl::OkStatus();
}

ReadAhead::ReadAhead(std::function<absl::Status(CommitRequest*)> read,
                     std::function<void(QueuedCommit)> queue)
    : read_(std::move(read)), queue_(std::move(queue)) {}

ReadAhead::~ReadAhead() { Stop(); }

void ReadAhead::Add(QueuedCommit commit, std::string store) {
  absl::Status refused;
  {
    MutexLock lock(&mutex_);
    if (stopped_) {
      refused = ShuttingDown();
    } else if (waiting_.size() >= kMaxWaiting) {
      refused = MakeError(
          Reason::kQueueFull,
          absl::StrCat(waiting_.size(), " commits wait for what they need of "
                       "remote mounts: slow down and try again"));
    } else if (++commit.request.read_attempts > kMaxAttempts) {
      refused = MakeError(
          Reason::kMountUnavailable,
          "what the commit needs of a remote mount changes faster than it can "
          "be read: try again");
    } else if (refused = StartThreads(); refused.ok()) {
      const int attempts = commit.request.read_attempts;
      if (attempts > kAttemptsWithOneStore) {
        Hold(kAllStores, &commit);
      } else if (attempts > kAttemptsBesideOthers) {
        Hold(store, &commit);
      }
      waiting_.push_back({std::move(commit), std::move(store)});
      wake_.NotifyOne();
      return;
    }
  }
  commit.done(std::move(refused));
}

void ReadAhead::Hold(const std::string& held, QueuedCommit* commit) {
  if (!held_.insert(held).second) return;
  commit->request.holds_stores = true;
  commit->done = [this, held, done = std::move(commit->done)](
                     absl::StatusOr<CommitResult> result) mutable {
    Release(held);
    done(std::move(result));
  };
}

void ReadAhead::Release(const std::string& held) {
  MutexLock lock(&mutex_);
  held_.erase(held);
  wake_.NotifyAll();
}

absl::Status ReadAhead::StartThreads() {
  if (!threads_.empty()) return absl::OkStatus();
  for (int i = 0; i < kThreads; ++i) {
    Thread thread;
    absl::Status status =
        thread.Start(absl::StrCat("restate-ahead", i), [this] { Run(); });
    if (!status.ok()) return threads_.empty() ? status : absl::OkStatus();
    threads_.push_back(std::move(thread));
  }
  return absl::OkStatus();
}

std::optional<ReadAhead::Waiting> ReadAhead::Take() {
  const auto may = [this](const Waiting& waiting) {
    if (!waiting.commit.request.holds_stores &&
        (held_.contains(waiting.store) || held_.contains(kAllStores))) {
      return false;
    }
    const auto reading = reading_.find(waiting.store);
    return reading == reading_.end() || reading->second < kThreadsOfOneStore;
  };
  const auto found = std::find_if(waiting_.begin(), waiting_.end(), may);
  if (found == waiting_.end()) return std::nullopt;
  std::optional<Waiting> taken = std::move(*found);
  waiting_.erase(found);
  ++reading_[taken->store];
  return taken;
}

void ReadAhead::Run() {
  while (true) {
    std::optional<Waiting> taken;
    {
      MutexLock lock(&mutex_);
      while (!stopped_ && !(taken = Take()).has_value()) wake_.Wait(&mutex_);
      if (!taken.has_value()) return;
    }
    const std::string store = taken->store;
    Read(*std::move(taken));
    MutexLock lock(&mutex_);
    if (--reading_[store] == 0) reading_.erase(store);
    // For one that had to wait.
    wake_.NotifyOne();
  }
}

void ReadAhead::Read(Waiting waiting) {
  absl::Status status = read_(&waiting.commit.request);
  if (status.ok()) {
    queue_(std::move(waiting.commit));
  } else {
    waiting.commit.done(std::move(status));
  }
}

void ReadAhead::Stop() {
  std::deque<Waiting> left;
  std::vector<Thread> threads;
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    left.swap(waiting_);
    threads.swap(threads_);
    wake_.NotifyAll();
  }
  for (Waiting& waiting : left) waiting.commit.done(ShuttingDown());
  for (Thread& thread : threads) thread.Join();
}

}  // namespace restate
