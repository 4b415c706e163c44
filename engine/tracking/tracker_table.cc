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
// Bound of the memory of pings: below what it reaches, a path counts as pinged.
constexpr size_t kPingBytes = size_t{4} << 20;

std::string ReadKey(const Path& path, View view) {
  return static_cast<char>('0' + static_cast<int>(view)) + path.key();
}

absl::Status RunNotFound(const std::string& run_id) {
  return MakeError(Reason::kRunNotFound,
                   absl::StrCat("there is no open run '", run_id,
                                "': it has ended, was replaced by a later run "
                                "of its tracker, did nothing for 60 s, or its "
                                "session is over; begin another"),
                   {{"run_id", run_id}});
}

}  // namespace

// What made a tracker's next run necessary.
struct TrackerTable::Cause {
  // Of the run that wrote; -1 if no run did.
  int chain = -1;
  // Its tracker; null if that is not known.
  const Tracker* writer = nullptr;
  const Path* path = nullptr;
};

TrackerTable::TrackerTable(TrackerLimits limits, const Clock* clock,
                           AskCallback ask)
    : limits_(limits), clock_(clock), ask_(std::move(ask)) {}

TrackerTable::~TrackerTable() = default;

void TrackerTable::Start(Sequencer* sequencer) {
  sequencer_ = sequencer;
  MutexLock lock(&mutex_);
  pings_.emplace(kPingBytes, sequencer->publication().Newest()->revision());
}

absl::StatusOr<BegunRun> TrackerTable::BeginRun(const std::string& session_id,
                                                std::string tracker_id) {
  if (tracker_id.size() > kMaxTrackerIdBytes || !IsValidUtf8(tracker_id)) {
    return MakeError(Reason::kInvalidRequest,
                     "tracker_id must be at most 255 bytes of UTF-8; leave it "
                     "empty to be given one");
  }
  if (tracker_id.empty()) tracker_id = NewEpoch();
  std::string run_id = NewEpoch();
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
    tracker = std::make_shared<Tracker>(session_id, tracker_id);
    ++count_;
  }
  Close(tracker.get());
  DropDependencies(tracker.get());
  runs_.erase(tracker->run_id);
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
  return BegunRun{std::move(run_id), std::move(tracker_id)};
}

Tracker* TrackerTable::FindRun(const std::string& run_id) const {
  auto it = runs_.find(run_id);
  return it == runs_.end() ? nullptr : it->second;
}

absl::Status TrackerTable::RecordReads(const std::string& run_id,
                                       const std::vector<Path>& paths,
                                       View view, Revision revision) {
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
      ->AtBoundary([this, run_id, paths, view, revision] {
        AddDependencies(run_id, paths, view, revision);
      })
      .IgnoreError();
  return absl::OkStatus();
}

void TrackerTable::AddDependencies(const std::string& run_id,
                                   const std::vector<Path>& paths, View view,
                                   Revision revision) {
  Asks asks;
  {
    MutexLock lock(&mutex_);
    Tracker* const tracker = FindRun(run_id);
    // Stopped meanwhile, or running anew.
    if (tracker == nullptr) return;
    for (const Path& path : paths) {
      // What was read first counts: the callback may have used it.
      if (!tracker->reads.insert(ReadKey(path, view)).second) continue;
      index_.Add(path, Dependency{tracker, view});
      ++active_;
      if (ChangedSince(path, view, revision)) {
        // By whom is not known any more.
        RequestRun(tracker, tracker->chain, &asks);
      }
    }
  }
  Send(std::move(asks));
}

bool TrackerTable::ChangedSince(const Path& path, View view,
                                Revision revision) const {
  const LastChanges& changes = sequencer_->last_changes();
  return changes.LastChangeOf(path, view) > revision ||
         changes.floor() > revision ||
         pings_->LastChangeOf(path, View::kAll) > revision ||
         pings_->floor() > revision;
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
                  Dependency{tracker, static_cast<View>(read[0] - '0')});
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
  return Erase(session_id, tracker_id) != nullptr;
}

void TrackerTable::SessionEnded(const std::string& session_id) {
  MutexLock lock(&mutex_);
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
    auto it = trackers_.find(session_id);
    if (it == trackers_.end()) return;
    for (const auto& [id, tracker] : it->second) {
      if (tracker->due != nullptr) {
        asks.push_back({session_id, tracker->due});
      } else if (tracker->open) {
        RequestRun(tracker.get(), tracker->chain, &asks);
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

void TrackerTable::OnPublished(absl::Span<const SequencedCommit> commits) {
  if (active_ == 0) return;
  Asks asks;
  {
    MutexLock lock(&mutex_);
    for (const SequencedCommit& commit : commits) Show(commit, &asks);
  }
  Send(std::move(asks));
}

void TrackerTable::Show(const SequencedCommit& commit, Asks* asks) {
  Cause cause;
  if (!commit.run_id.empty()) {
    cause.writer = FindRun(commit.run_id);
    cause.chain = cause.writer != nullptr ? cause.writer->chain : 0;
  }
  // Marking may end a tracker, and change the index.
  std::vector<Tracker*> concerned;
  const auto note = [&](Tracker* tracker) {
    if (tracker == cause.writer) return;
    if (std::find(concerned.begin(), concerned.end(), tracker) ==
        concerned.end()) {
      concerned.push_back(tracker);
    }
  };
  const LastChanges& changes = sequencer_->last_changes();
  const auto note_changed = [&](const Path& path,
                                const Dependency& dependency) {
    // What it says of a later commit of the batch may count too: there is one
    // more run in either case.
    if (changes.LastChangeOf(path, dependency.view) >= commit.revision ||
        changes.floor() >= commit.revision) {
      note(dependency.tracker);
    }
  };
  for (const Effect& effect : commit.effects) {
    concerned.clear();
    if (effect.kind == Effect::Kind::kPing) {
      pings_->RecordOwnValue(effect.path, commit.revision);
      index_.ForEachAtAndAbove(
          effect.path, [&](const Path&, const Dependency& dependency) {
            note(dependency.tracker);
          });
    } else {
      index_.ForEachAtAndAbove(effect.path, note_changed);
      index_.ForEachBelow(effect.path, note_changed);
    }
    cause.path = &effect.path;
    for (Tracker* tracker : concerned) Mark(tracker, cause, asks);
  }
}

void TrackerTable::Mark(Tracker* tracker, const Cause& cause, Asks* asks) {
  const int chain = cause.chain < 0 ? 0 : cause.chain + 1;
  if (chain <= limits_.max_chain) return RequestRun(tracker, chain, asks);
  const std::string writer =
      cause.writer == nullptr
          ? "a tracked run"
          : absl::StrCat("a run of tracker '", cause.writer->id, "'");
  absl::Status status = MakeError(
      Reason::kTrackerLoop,
      absl::StrCat("tracker '", tracker->id, "' ran ", limits_.max_chain,
                   " times in a row because of what tracked runs wrote, the "
                   "last time because ", writer, " wrote ",
                   cause.path->ToText(),
                   ": it is stopped; let no tracker write what makes it run "
                   "again"),
      {{"tracker_id", tracker->id}, {"path", cause.path->ToText()}});
  const std::string session_id = tracker->session_id;
  const std::string tracker_id = tracker->id;
  Erase(session_id, tracker_id);
  asks->push_back({session_id, std::make_shared<SessionRequest>(TrackerEnded{
                                   tracker_id, std::move(status)})});
}

void TrackerTable::RequestRun(Tracker* tracker, int chain, Asks* asks) {
  if (tracker->due != nullptr) {
    // Somebody else had a part in it.
    tracker->due_chain = std::min(tracker->due_chain, chain);
    return;
  }
  tracker->due =
      std::make_shared<SessionRequest>(TrackerRerun{tracker->id});
  tracker->due_chain = chain;
  asks->push_back({tracker->session_id, tracker->due});
}

void TrackerTable::Send(Asks asks) {
  for (Asked& asked : asks) ask_(asked.session_id, std::move(asked.request));
}

size_t TrackerTable::count() const {
  MutexLock lock(&mutex_);
  return count_;
}

}  // namespace restate
