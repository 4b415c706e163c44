// Resets in Receiver: what was known no longer holds, and what is there is told
// instead.

#include <algorithm>
#include <utility>

#include "engine/subscription/receiver.h"

namespace restate {

void Receiver::BeginReset(Subscription* subscription,
                          const std::shared_ptr<const SubtreeReset>& reset) {
  SubscriptionProgress& progress = subscription->progress();
  if (!progress.floors.HasRoomFor(reset->path)) {
    return StartOver(subscription, reset->revision - 1);
  }
  std::shared_ptr<const PublishedState> state;
  if (reset->view == nullptr) state = parts_.sequencer->publication().Newest();
  progress.initial = std::make_unique<InitialPhase>(
      reset, std::move(state), subscription->spec().patterns);
  initial_.push_back(subscription);
  parts_.counters->resets.Add();
}

void Receiver::StartOver(Subscription* subscription, Revision after) {
  std::shared_ptr<const PublishedState> state =
      parts_.sequencer->publication().Newest();
  const Revision revision = state->revision();
  SubscriptionProgress& progress = subscription->progress();
  progress.initial = std::make_unique<InitialPhase>(
      std::move(state), subscription->spec().patterns);
  progress.initial->is_reset = true;
  progress.initial->reset = EventReset{.revision = revision};
  progress.initial->gap =
      EventGap{.after = after, .through = revision, .path = Path()};
  progress.drop_through = revision;
  initial_.push_back(subscription);
  parts_.counters->resets.Add();
  MutexLock lock(&mutex_);
  progress.announces_synced = false;
  if (progress.mode == Mode::kReplaying) {
    progress.replay_from = AfterAllOf(revision);
  } else {
    progress.skip_through = std::max(progress.skip_through, revision);
  }
}

void Receiver::EndInitial(Subscription* subscription, EventBatch* batch,
                          RunNote* note) {
  SubscriptionProgress& progress = subscription->progress();
  const InitialPhase& initial = *progress.initial;
  note->ends = true;
  if (initial.subtree != nullptr) {
    batch->reset_done = initial.subtree->path;
    progress.floors.Add(initial.subtree->path, initial.revision);
    return;
  }
  if (initial.is_reset) batch->reset_done = Path();
  batch->synced = !std::exchange(progress.synced_told, true);
  batch->revision = initial.revision;
  progress.drop_through = std::max(progress.drop_through, initial.revision);
  progress.floors.Clear();
  progress.coalesced_through = 0;
}

}  // namespace restate
