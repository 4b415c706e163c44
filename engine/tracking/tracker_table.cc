#include "engine/tracking/tracker_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/epoch.h"
#include "engine/error/error.h"
#include "engine/path/utf8.h"
#include "engine/tracking/tracker.h"

namespace restate {
namespace {

constexpr size_t kMaxTrackerIdBytes = 255;
// Bound of each memory of what LastChanges of the sequencer does not have: a path
// about which it is too short counts as changed.
constexpr size_t kMemoryBytes = size_t{4} << 20;

absl::Status RunNotFound(const std::string& run_id) {
  return MakeError(Reason::kRunNotFound,
                   absl::StrCat("there is no open run '", run_id,
                                "': it has ended, was replaced by a later run "
                                "of its tracker, did nothing for 60 s, or its "
                                "session is over; begin another"),
                   {{"run_id", run_id}});
}

}  // namespace

TrackerTable::TrackerTable(TrackerLimits limits, const Clock* clock,
                           AskCallback ask)
    : limits_(limits), clock_(clock), ask_(std::move(ask)) {}

TrackerTable::~TrackerTable() = default;

void TrackerTable::Start(Sequencer* sequencer) {
  sequencer_ = sequencer;
  MutexLock lock(&mutex_);
  const Revision now = sequencer->publication().Newest()->revision();
  pings_.emplace(kMemoryBytes, now);
  hidden_.emplace(kMemoryBytes, now);
}

absl::StatusOr<BegunRun> TrackerTable::BeginRun(const std::string& session_id,
                                                std::string tracker_id,
                                                ClientAccount& account) {
  if (tracker_id.size() > kMaxTrackerIdBytes || !IsValidUtf8(tracker_id)) {
    return MakeError(Reason::kInvalidRequest,
                     "tracker_id must be at most 255 bytes of UTF-8; leave it "
                     "empty to be given one");
  }
  if (tracker_id.empty()) tracker_id = NewEpoch();
  std::string run_id = NewEpoch();
  const Revision now = sequencer_->publication().Newest()->revision();
  MutexLock lock(&mutex_);
  TrackersOfSession& of_session = trackers_[session_id];
  std::shared_ptr<Tracker>& tracker = of_session[tracker_id];
  if (tracker == nullptr) {
    if (of_session.size() > limits_.max_trackers) {
      of_session.erase(tracker_id);
      return MakeError(
          Reason::kTooManyTrackers,
          absl::StrCat("the session has ", of_session.size(),
                       " trackers, as many as it may: stop some"),
          {{"limit", absl::StrCat(limits_.max_trackers)}});
    }
    absl::StatusOr<Hold> hold = account.Take(Holding::kTrackers);
    if (!hold.ok()) {
      of_session.erase(tracker_id);
      if (of_session.empty()) trackers_.erase(session_id);
      return hold.status();
    }
    tracker = std::make_shared<Tracker>(session_id, tracker_id);
    tracker->hold = *std::move(hold);
    ++count_;
  }
  // It is another one.
  ForgetEnded(session_id, tracker_id);
  Close(tracker.get());
  DropDependencies(tracker.get());
  runs_.erase(tracker->run_id);
  tracker->begun_at = now;
  tracker->chain = 0;
  if (tracker->due != nullptr) {
    tracker->due->Withdraw();
    tracker->due = nullptr;
    tracker->chain = tracker->due_chain;
  }
  tracker->run_id = run_id;
  tracker->open = true;
  tracker->last_used = clock_->Monotonic();
  runs_[run_id] = tracker.get();
  open_runs_[run_id] = tracker.get();
  ++active_;
  runs_begun_.Add();
  return BegunRun{std::move(run_id), std::move(tracker_id)};
}

Tracker* TrackerTable::FindRun(const std::string& run_id) const {
  auto it = runs_.find(run_id);
  return it == runs_.end() ? nullptr : it->second;
}

absl::Status TrackerTable::Record(const std::string& run_id,
                                  const std::vector<Path>& paths, Shown shown,
                                  Revision revision) {
  {
    MutexLock lock(&mutex_);
    Tracker* const tracker = FindRun(run_id);
    if (tracker == nullptr || !tracker->open) return RunNotFound(run_id);
    if (tracker->reads.size() + paths.size() > limits_.max_reads) {
      return MakeError(
          Reason::kTooManyPaths,
          absl::StrCat("a tracked run may read ", limits_.max_reads,
                       " paths: read a path further up instead"),
          {{"limit", absl::StrCat(limits_.max_reads)}});
    }
    tracker->last_used = clock_->Monotonic();
  }
  // Nothing is to be told any more once the sequencer has stopped.
  sequencer_
      ->AtBoundary([this, run_id, paths, shown, revision] {
        AddDependencies(run_id, paths, shown, revision);
      })
      .IgnoreError();
  return absl::OkStatus();
}

void TrackerTable::RecordWrite(const std::string& run_id) {
  MutexLock lock(&mutex_);
  if (Tracker* const tracker = FindRun(run_id)) {
    tracker->last_used = clock_->Monotonic();
  }
}

void TrackerTable::EndRun(const std::string& run_id, EndCallback done) {
  auto shared_done = std::make_shared<EndCallback>(std::move(done));
  // Behind what it read.
  const absl::Status status =
      sequencer_->AtBoundary([this, run_id, shared_done] {
        absl::StatusOr<EndedRun> ended = RunNotFound(run_id);
        {
          MutexLock lock(&mutex_);
          if (Tracker* const tracker = FindRun(run_id)) {
            Close(tracker);
            ended = EndedRun{
                sequencer_->publication().Newest()->revision(),
                tracker->due != nullptr};
          }
        }
        (*shared_done)(std::move(ended));
      });
  if (!status.ok()) (*shared_done)(status);
}

void TrackerTable::Close(Tracker* tracker) {
  if (!tracker->open) return;
  tracker->open = false;
  open_runs_.erase(tracker->run_id);
  --active_;
}

void TrackerTable::DropDependencies(Tracker* tracker) {
  for (const std::string& read : tracker->reads) {
    index_.Remove(Path::FromKey(read.substr(1)),
                  Dependency{tracker, static_cast<Shown>(read[0] - '0')});
  }
  active_ -= tracker->reads.size();
  tracker->reads.clear();
}

std::shared_ptr<Tracker> TrackerTable::Erase(const std::string& session_id,
                                             const std::string& tracker_id) {
  auto of_session = trackers_.find(session_id);
  if (of_session == trackers_.end()) return nullptr;
  auto it = of_session->second.find(tracker_id);
  if (it == of_session->second.end()) return nullptr;
  std::shared_ptr<Tracker> tracker = std::move(it->second);
  of_session->second.erase(it);
  if (of_session->second.empty()) trackers_.erase(of_session);
  --count_;
  Close(tracker.get());
  DropDependencies(tracker.get());
  runs_.erase(tracker->run_id);
  if (tracker->due != nullptr) tracker->due->Withdraw();
  return tracker;
}

bool TrackerTable::StopTracker(const std::string& session_id,
                               const std::string& tracker_id) {
  MutexLock lock(&mutex_);
  if (std::shared_ptr<SessionRequest> ended =
          ForgetEnded(session_id, tracker_id)) {
    ended->Withdraw();
  }
  return Erase(session_id, tracker_id) != nullptr;
}

std::shared_ptr<SessionRequest> TrackerTable::ForgetEnded(
    const std::string& session_id, const std::string& tracker_id) {
  auto of_session = ended_.find(session_id);
  if (of_session == ended_.end()) return nullptr;
  auto it = of_session->second.find(tracker_id);
  if (it == of_session->second.end()) return nullptr;
  std::shared_ptr<SessionRequest> ended = std::move(it->second);
  of_session->second.erase(it);
  if (of_session->second.empty()) ended_.erase(of_session);
  return ended;
}

void TrackerTable::SessionEnded(const std::string& session_id) {
  MutexLock lock(&mutex_);
  ended_.erase(session_id);
  while (true) {
    auto it = trackers_.find(session_id);
    if (it == trackers_.end()) return;
    Erase(session_id, std::string(it->second.begin()->first));
  }
}

void TrackerTable::SessionResumed(const std::string& session_id) {
  Asks asks;
  {
    MutexLock lock(&mutex_);
    if (auto ended = ended_.find(session_id); ended != ended_.end()) {
      for (const auto& [id, request] : ended->second) {
        asks.push_back({session_id, request});
      }
    }
    if (auto it = trackers_.find(session_id); it != trackers_.end()) {
      for (const auto& [id, tracker] : it->second) {
        if (tracker->due != nullptr) {
          asks.push_back({session_id, tracker->due});
        } else if (tracker->open) {
          RequestRun(tracker.get(), tracker->chain, &asks);
        }
      }
    }
  }
  Send(std::move(asks));
}

void TrackerTable::Tick() {
  if (active_ == 0) return;
  const absl::Duration now = clock_->Monotonic();
  MutexLock lock(&mutex_);
  std::vector<Tracker*> idle;
  for (const auto& [run_id, tracker] : open_runs_) {
    if (now - tracker->last_used >= limits_.idle) idle.push_back(tracker);
  }
  for (Tracker* tracker : idle) Close(tracker);
}

void TrackerTable::Send(Asks asks) {
  for (Asked& asked : asks) ask_(asked.session_id, std::move(asked.request));
}

size_t TrackerTable::count() const {
  MutexLock lock(&mutex_);
  return count_;
}

size_t TrackerTable::open_runs() const {
  MutexLock lock(&mutex_);
  return open_runs_.size();
}

}  // namespace restate
