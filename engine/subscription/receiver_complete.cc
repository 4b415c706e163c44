// How far a subscription has come with each batch: the revision that the batch
// names, and its resume token.

#include <algorithm>
#include <utility>

#include "engine/subscription/receiver.h"

namespace restate {
namespace {

// Whether what comes next is of `revision`. It may be another subscription's: then
// the batch says less than it could.
bool GoesOnWith(const std::deque<QueueEntry>& entries, Revision revision) {
  return !entries.empty() && entries.front().revision == revision &&
         (entries.front().kind == QueueEntry::Kind::kEvent ||
          entries.front().kind == QueueEntry::Kind::kReset ||
          entries.front().kind == QueueEntry::Kind::kBundle);
}

// The next run of the same subscription; the number of runs if there is none.
size_t NextOfOwner(const std::vector<RunNote>& notes, size_t i) {
  size_t next = i + 1;
  while (next < notes.size() && notes[next].owner != notes[i].owner) ++next;
  return next;
}

// Whether a run begins with a later revision.
bool BeginsAfter(const RunNote& note, const EventBatch& batch,
                 Revision revision) {
  if (note.part == RunNote::Part::kSnapshot) {
    return note.subtree != nullptr && note.subtree->revision > revision;
  }
  return batch.BeginsAfter(revision);
}

}  // namespace

void Receiver::Complete(absl::Duration now, Revision routed, ParcelBuilder* out) {
  MutexLock lock(&mutex_);
  for (size_t i = 0; i < out->notes().size(); ++i) {
    out->notes()[i].owner->progress().last_sent = now;
    CompleteRun(i, routed, out);
  }
}

bool Receiver::EndsInside(size_t i, Revision revision, ParcelBuilder* out) {
  const std::vector<RunNote>& notes = out->notes();
  const SubscriptionProgress& progress = notes[i].owner->progress();
  const size_t next = NextOfOwner(notes, i);
  if (next < notes.size()) {
    if (!BeginsAfter(notes[next], out->parcel().runs[next].batch, revision)) {
      return true;
    }
  } else if (progress.initial != nullptr &&
             progress.initial->subtree != nullptr &&
             progress.initial->subtree->revision == revision) {
    return true;
  }
  if (progress.mode == Mode::kEnded && progress.lost_from != 0 &&
      progress.lost_from <= revision) {
    return true;
  }
  if (progress.mode == Mode::kReplaying &&
      progress.replay_from.whole() < revision) {
    return true;
  }
  // What is parked is of later commits than all that was queued.
  return GoesOnWith(queue_, revision) || GoesOnWith(replayed_, revision) ||
         (!progress.held.empty() &&
          progress.held.front().revision == revision);
}

bool Receiver::IsIdle(const SubscriptionProgress& progress) const {
  // Of one that has ended something may have been dropped.
  return progress.mode == Mode::kLive && progress.initial == nullptr &&
         queue_.empty() && replayed_.empty() && progress.held.empty() &&
         progress.parked.empty();
}

void Receiver::CompleteRun(size_t i, Revision routed, ParcelBuilder* out) {
  const RunNote& note = out->notes()[i];
  Subscription* const subscription = note.owner;
  SubscriptionProgress& progress = subscription->progress();
  EventBatch& batch = out->parcel().runs[i].batch;
  if (note.part == RunNote::Part::kSnapshot && !note.ends) {
    // A cut repeats all of a reset. A snapshot that is the beginning has nothing
    // before it.
    if (note.is_reset) {
      batch.resume_token = EncodeResumeToken(
          progress.told_elsewhere ? subscription->spec().epoch
                                  : parts_.sequencer->epoch(),
          progress.told);
    }
    return;
  }
  ResumePosition& told = progress.told;
  const auto move_to = [&told](ResumePosition position) {
    told.revision = position.revision;
    told.point = std::move(position.point);
  };
  told.coalesced_through =
      std::max(told.coalesced_through, note.coalesced_through);
  if (note.subtree != nullptr) {
    const SubtreeReset& reset = *note.subtree;
    move_to(EndsInside(i, reset.revision, out)
                ? PositionAfterReset(reset.revision, reset.index)
                : AfterAllOf(reset.revision));
    told.floors.Add(reset.path, note.as_of);
  } else if (note.part == RunNote::Part::kSnapshot) {
    told = AfterAllOf(note.as_of);
    progress.told_elsewhere = false;
  } else if (batch.synced) {
    move_to(AfterAllOf(batch.revision));
  } else if (batch.has_events()) {
    const Event event = batch.LastEvent();
    const Revision revision = event.emission().revision;
    move_to(EndsInside(i, revision, out) ? PositionAfter(event)
                                         : AfterAllOf(revision));
  }
  const bool last = NextOfOwner(out->notes(), i) == out->notes().size();
  // Of the same revision too: what followed may have been stopped.
  if (last && routed >= told.revision && IsIdle(progress)) {
    move_to(AfterAllOf(routed));
  }
  told.floors.ForgetThrough(told.whole());
  if (told.coalesced_through <= told.whole()) told.coalesced_through = 0;
  if (last) progress.floors.ForgetThrough(told.whole());

  const bool snapshot_follows = last && progress.initial != nullptr &&
                                progress.initial->subtree == nullptr;
  if (!told.point.has_value() && !snapshot_follows &&
      told.coalesced_through == 0) {
    batch.revision = told.revision;
  }
  if (!batch.has_events() && told.point.has_value()) batch.revision = 0;
  batch.resume_token = EncodeResumeToken(parts_.sequencer->epoch(), told);
}

}  // namespace restate
