#include "engine/subscription/subscription_progress.h"

#include <utility>

namespace restate {

InitialPhase::InitialPhase(std::shared_ptr<const PublishedState> state,
                           const std::vector<PathPattern>& patterns)
    : tree(state, &state->tree()),
      revision(state->revision()),
      events(*tree, revision, patterns) {}

InitialPhase::InitialPhase(std::shared_ptr<const SubtreeReset> of,
                           std::shared_ptr<const PublishedState> state,
                           const std::vector<PathPattern>& patterns)
    : subtree(std::move(of)),
      tree(state == nullptr
               ? subtree->view
               : std::shared_ptr<const Snapshot>(state, &state->tree())),
      revision(state == nullptr ? subtree->revision : state->revision()),
      events(*tree, revision, patterns, subtree->path),
      is_reset(true),
      reset(EventReset{.path = subtree->path, .revision = revision}),
      gap(EventGap{.after = subtree->revision - 1,
                   .through = revision,
                   .path = subtree->path}) {}

std::unique_ptr<CoalescedGroup> GroupOf(const ParkedEvents& parked,
                                        bool announced) {
  const int64_t missing = parked.coalesced();
  if (missing == 0) return nullptr;
  auto group = std::make_unique<CoalescedGroup>();
  group->through = parked.last_coalesced();
  if (announced) {
    group->gap = EventGap{.after = parked.first_revision() - 1,
                          .through = parked.last_revision(),
                          .events = missing};
  }
  return group;
}

std::vector<QueueEntry> EntriesOf(const QueueEntry& bundle) {
  std::vector<QueueEntry> entries;
  entries.reserve(bundle.bundle->size());
  for (const std::shared_ptr<const Delivery>& delivery :
       bundle.bundle->deliveries) {
    entries.push_back(QueueEntry{.subscription = bundle.subscription,
                                 .revision = delivery->emission->revision,
                                 .event = Event{.delivery = delivery},
                                 .bytes = delivery->ByteSize()});
  }
  return entries;
}

}  // namespace restate
