#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/tracking/listing_change.h"
#include "engine/tracking/tracker.h"
#include "engine/tracking/tracker_table.h"

// Whom a change concerns, and what follows for them.

namespace restate {
namespace {

std::string ReadKey(const Path& path, Shown shown) {
  return static_cast<char>('0' + static_cast<int>(shown)) + path.key();
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

void TrackerTable::AddDependencies(const std::string& run_id,
                                   const std::vector<Path>& paths, Shown shown,
                                   Revision revision) {
  Asks asks;
  {
    MutexLock lock(&mutex_);
    Tracker* const tracker = FindRun(run_id);
    // Stopped meanwhile, or running anew.
    if (tracker == nullptr) return;
    for (const Path& path : paths) {
      // What was read first counts: the callback may have used it.
      if (!tracker->reads.insert(ReadKey(path, shown)).second) continue;
      index_.Add(path, Dependency{tracker, shown});
      ++active_;
      if (ChangedSince(*tracker, path, shown, revision)) {
        // By whom is not known any more.
        RequestRun(tracker, tracker->chain, &asks);
      }
    }
  }
  Send(std::move(asks));
}

bool TrackerTable::ChangedSince(const Tracker& tracker, const Path& path,
                                Shown shown, Revision revision) const {
  const auto says = [&](const LastChanges& changes, View view) {
    return changes.LastChangeOf(path, view) > revision ||
           changes.floor() > revision;
  };
  if (says(sequencer_->last_changes(), ViewOf(shown)) ||
      says(*pings_, View::kAll)) {
    return true;
  }
  // A page of a listing may be of a state from before the run, when nobody may
  // have noted what is hidden.
  return shown == Shown::kChildren &&
         (revision < tracker.begun_at || says(*hidden_, View::kAll));
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

bool TrackerTable::Concerns(const SequencedCommit& commit,
                            const Effect& effect, const Path& path,
                            Shown shown) const {
  if (shown == Shown::kChildren) return MayChangeListing(path, effect);
  // What it says of a later commit of the batch may count too: there is one
  // more run in either case.
  const LastChanges& changes = sequencer_->last_changes();
  return changes.LastChangeOf(path, ViewOf(shown)) >= commit.revision ||
         changes.floor() >= commit.revision;
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
  for (const Effect& effect : commit.effects) {
    concerned.clear();
    if (effect.kind == Effect::Kind::kPing) {
      pings_->RecordOwnValue(effect.path, commit.revision);
      index_.ForEachAtAndAbove(
          effect.path, [&](const Path&, const Dependency& dependency) {
            note(dependency.tracker);
          });
    } else {
      if (effect.seen_from > 0) {
        hidden_->RecordSubtree(effect.path, commit.revision);
      }
      const auto note_concerned = [&](const Path& path,
                                      const Dependency& dependency) {
        if (Concerns(commit, effect, path, dependency.shown)) {
          note(dependency.tracker);
        }
      };
      index_.ForEachAtAndAbove(effect.path, note_concerned);
      index_.ForEachBelow(effect.path, note_concerned);
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
  loops_.Add();
  const std::string session_id = tracker->session_id;
  const std::string tracker_id = tracker->id;
  Erase(session_id, tracker_id);
  auto request = std::make_shared<SessionRequest>(
      TrackerEnded{tracker_id, std::move(status)});
  auto& of_session = ended_[session_id];
  of_session[tracker_id] = request;
  if (of_session.size() > limits_.max_trackers) {
    of_session.erase(of_session.begin());
  }
  asks->push_back({session_id, std::move(request)});
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
  runs_asked_for_.Add();
  asks->push_back({tracker->session_id, tracker->due});
}

}  // namespace restate
