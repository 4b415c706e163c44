#ifndef RESTATE_ENGINE_SUBSCRIPTION_PARCEL_BUILDER_H_
#define RESTATE_ENGINE_SUBSCRIPTION_PARCEL_BUILDER_H_

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "engine/backend/backend.h"
#include "engine/subscription/event_stream.h"
#include "engine/subscription/subscription.h"

namespace restate {

// Whose run one of a parcel is, and of what it is a part.
struct RunNote {
  enum class Part {
    // Live events, and what goes with them.
    kLive,
    // A snapshot of everything, or of what is below the path of `subtree`.
    kSnapshot,
  };
  Subscription* owner = nullptr;
  Part part = Part::kLive;
  std::shared_ptr<const SubtreeReset> subtree;
  // Of a snapshot: whether something was to be forgotten for it, whether it ends
  // here, and its revision.
  bool is_reset = false;
  bool ends = false;
  Revision as_of = 0;
  // Of live events: up to here something may be missing that a later one stands for.
  Revision coalesced_through = 0;
};

// Fills a parcel up to its bounds: consecutive events of one subscription share
// a run. Not thread-safe.
class ParcelBuilder {
 public:
  ParcelBuilder(Parcel* parcel, size_t max_bytes, size_t max_events)
      : parcel_(parcel), max_bytes_(max_bytes), max_events_(max_events) {}

  bool full() const {
    return closed_ || bytes_ >= max_bytes_ || events_ >= max_events_;
  }
  // Whether these would not fit.
  bool WouldOverflow(size_t events, size_t bytes) const {
    return bytes_ + bytes > max_bytes_ || events_ + events > max_events_;
  }
  // Nothing more goes in.
  void Close() { closed_ = true; }
  // Whether it would be, with these as well.
  bool WouldFill(size_t events, size_t bytes) const {
    return bytes_ + bytes >= max_bytes_ || events_ + events >= max_events_;
  }
  bool empty() const { return parcel_->empty(); }

  // Adds a live event, and the gap before it.
  void Add(Subscription* subscription, Event event) {
    bytes_ += event.ByteSize();
    ++events_;
    OpenRun(subscription);
    if (!parcel_->runs.back().batch.bundles.empty()) {
      NewRun(subscription);
      open_ = subscription;
    }
    parcel_->runs.back().batch.events.push_back(std::move(event));
    notes_.back().coalesced_through =
        subscription->progress().coalesced_through;
  }
  void AddBundle(Subscription* subscription,
                 std::shared_ptr<const EventBundle> bundle) {
    bytes_ += bundle->bytes;
    events_ += bundle->size();
    OpenRun(subscription);
    if (!parcel_->runs.back().batch.events.empty()) {
      NewRun(subscription);
      open_ = subscription;
    }
    parcel_->runs.back().batch.bundles.push_back(std::move(bundle));
    notes_.back().coalesced_through =
        subscription->progress().coalesced_through;
  }
  // A run of its own, to be filled by the caller.
  SubscriptionRun& NewRun(Subscription* subscription) {
    open_ = nullptr;
    notes_.push_back(RunNote{.owner = subscription});
    SubscriptionRun& run = parcel_->runs.emplace_back();
    run.subscription_id = subscription->id();
    run.callback_id = subscription->callback_id();
    run.view = subscription->spec().view;
    return run;
  }
  // The subscription is live as of `revision`: the end of its last run, if that
  // is the last of all.
  void AddSynced(Subscription* subscription, Revision revision) {
    const bool continues = open_ == subscription;
    SubscriptionRun& run =
        continues ? parcel_->runs.back() : NewRun(subscription);
    open_ = nullptr;
    run.batch.synced = true;
    run.batch.revision = revision;
  }
  void Count(const Event& event) {
    bytes_ += event.ByteSize();
    ++events_;
  }
  void AddRequest(std::shared_ptr<const SessionRequest> request) {
    parcel_->requests.push_back(std::move(request));
  }
  void AddSync(SyncPoint sync) { parcel_->syncs.push_back(sync); }
  void AddEnded(const Subscription& subscription, absl::Status status) {
    parcel_->ended.push_back(EndedSubscription{
        subscription.id(), subscription.callback_id(), std::move(status)});
  }

  Parcel& parcel() { return *parcel_; }
  // One for each run of the parcel.
  const std::vector<RunNote>& notes() const { return notes_; }
  // REQUIRES: there is a run.
  RunNote& last_note() { return notes_.back(); }

 private:
  // Makes the last run one of the subscription's live events.
  void OpenRun(Subscription* subscription) {
    std::optional<EventGap>& gap = subscription->progress().gap;
    if (open_ == subscription && !gap.has_value()) return;
    NewRun(subscription).batch.gap = std::exchange(gap, std::nullopt);
    open_ = subscription;
  }

  Parcel* const parcel_;
  const size_t max_bytes_;
  const size_t max_events_;
  size_t bytes_ = 0;
  size_t events_ = 0;
  bool closed_ = false;
  // Whose live events go into the last run.
  const Subscription* open_ = nullptr;
  std::vector<RunNote> notes_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_PARCEL_BUILDER_H_
