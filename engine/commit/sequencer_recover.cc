// What a sequencer does when the store has failed.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/commit/sequencer.h"
#include "engine/commit/sequencer_batch.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// How long the sequencer waits between attempts to open a store again.
constexpr absl::Duration kFirstReopenDelay = absl::Milliseconds(50);
constexpr absl::Duration kLongestReopenDelay = absl::Seconds(5);
// The same between two looks at whether there is room for that.
constexpr absl::Duration kLongestRoomDelay = absl::Seconds(1);

// What who needs the store is told until it is open again.
absl::Status BeingReopened(const absl::Status& cause) {
  return MakeError(
      Reason::kMountUnavailable,
      absl::StrCat("the store failed and is being opened again: try again "
                   "shortly (",
                   cause.message(), ")"),
      ErrorMetadata(cause));
}

// What writers are told while the store can be read and not written.
absl::Status OnlyReading(const absl::Status& cause) {
  return MakeError(
      Reason::kMountUnavailable,
      absl::StrCat("the store takes no writes, and reads go on (",
                   cause.message(), ")"),
      ErrorMetadata(cause));
}

absl::Status OutcomeUnknown(const absl::Status& cause) {
  return MakeError(
      Reason::kOutcomeUnknown,
      absl::StrCat("storage failed while the commit was made durable, and it "
                   "may or may not have happened: read to find out, then "
                   "retry (",
                   cause.message(), ")"));
}

}  // namespace

bool Sequencer::RefuseWithin(absl::Duration delay, const absl::Status& why) {
  SetHealth(why);
  CommitQueue::Work refused = queue_.TakeAllWithin(delay);
  for (auto& task : refused.tasks) task();
  for (QueuedCommit& commit : refused.commits) commit.done(why);
  for (QueuedCommit& commit : refused.aside) {
    if (commit.request.order != nullptr) --commit.request.order->aside;
    commit.done(why);
  }
  return !refused.finished;
}

absl::Status Sequencer::ReopenStore() {
  absl::Status status = options_.commit_store->Reopen();
  // Without them a request could be executed twice.
  if (status.ok()) status = answered_->Reload(*options_.commit_store);
  if (status.ok()) {
    leases_->Reload(options_.commit_store->state().leases);
    records_->Reload(options_.commit_store->state().records);
  }
  return status;
}

void Sequencer::Recover(const absl::Status& cause, Batch& batch) {
  const absl::Status failure = BeingReopened(cause);
  SetHealth(failure);
  counters_.failed_batches.AddAlone();
  recovering_ = true;
  const absl::Status unknown = OutcomeUnknown(cause);
  for (Batch::Answer& answer : batch.answers) answer.done(unknown);
  publication_->FailWaiters(unknown);
  leaf_cache_.Clear();

  // While it is known that the store cannot be opened, readers go on with what
  // is published: whoever has it open can read it.
  absl::Duration delay = kFirstReopenDelay;
  for (absl::Status ready; !(ready = options_.commit_store->CanReopen()).ok();
       delay = std::min(2 * delay, kLongestRoomDelay)) {
    if (!RefuseWithin(delay, OnlyReading(ready))) return;
  }

  // Readers go on with what needs no store; nobody keeps the store's snapshots.
  const Revision published = batch.state->revision();
  for (MountSlot& slot : mounts_) slot.mounted->LetGoOfStore(failure);
  batch.overlay.reset();
  batch.recalled_tree.reset();
  batch.state.reset();
  PublishState(published);

  delay = kFirstReopenDelay;
  for (absl::Status reopened; !(reopened = ReopenStore()).ok();
       delay = std::min(2 * delay, kLongestReopenDelay)) {
    // The store stays closed; what was answered is safe in it.
    if (!RefuseWithin(delay, BeingReopened(reopened))) return;
  }
  recovering_ = false;
  slices_wait_ = false;
  for (MountSlot& slot : mounts_) slot.mounted->TakeUpStore();
  const CommitStoreState& found = options_.commit_store->state();
  reserved_ = found.reserved;
  SetHealth(absl::OkStatus());
  last_committed_ = found.last_committed;
  const bool survived =
      batch.group != nullptr &&
      found.last_committed >= batch.group->back().revision;
  // If it fails the store does, and the next batch finds out.
  history_->StoreReopened(found.last_committed).IgnoreError();
  // Definitions may have survived without a revision.
  if (batch.group == nullptr &&
      DerivationEngine::Defines(found.records, batch.derivations)) {
    derivations_ = batch.derivations;
  }
  if (!survived) {
    PublishState(last_given_);
    return;
  }
  ApplyToOtherMounts(batch);
  batch.answers.clear();
  Publish(batch);
}

}  // namespace restate
