#ifndef RESTATE_ENGINE_SUBSCRIPTION_EVENT_ROUTER_H_
#define RESTATE_ENGINE_SUBSCRIPTION_EVENT_ROUTER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/clock/clock.h"
#include "engine/commit/effect.h"
#include "engine/subscription/bundle_builder.h"
#include "engine/subscription/commit_routing.h"
#include "engine/subscription/interceptions.h"
#include "engine/subscription/pattern_index.h"
#include "engine/subscription/receiver.h"
#include "engine/subscription/subscription.h"

namespace restate {

// Puts what commits did into the queues of those who listen, and makes what is
// told further up wait for those who intercept. Nothing here waits for a
// subscriber.
//
// Not thread-safe: the sequencer's thread alone.
class EventRouter final : public CommitListener, private DeliverySink {
 public:
  EventRouter();

  // The receiver is kept until Remove.
  void Add(std::shared_ptr<Subscription> subscription,
           std::shared_ptr<Receiver> receiver);
  void Remove(const Subscription* subscription);

  // Required before the first commit is published.
  // `clock` outlives this.
  void set_interceptions(std::shared_ptr<Interceptions> interceptions,
                         const Clock* clock) {
    interceptions_ = std::move(interceptions);
    clock_ = clock;
  }
  // Everything up to here was published before anybody could listen.
  void StartFrom(Revision revision) { routed_->store(revision); }
  // The last commit whose events are all in the queues.
  std::shared_ptr<const std::atomic<Revision>> routed() const {
    return routed_;
  }

  void OnPublished(absl::Span<const SequencedCommit> commits) override;

 private:
  struct Entry {
    std::shared_ptr<Subscription> subscription;
    std::shared_ptr<Receiver> receiver;
  };

  void BeginOperation(const SequencedCommit& commit,
                      const Effect& effect) override;
  void Deliver(const std::shared_ptr<const Delivery>& delivery,
               const PatternIndex::Group& group, bool downward) override;
  void EndOperation() override;
  void Reset(Subscription* subscription,
             const std::shared_ptr<const SubtreeReset>& reset) override;
  // Whether what the commit tells may go into bundles.
  static bool MayShare(const SequencedCommit& commit);
  // Those who listen to one pattern, in the batch at hand.
  struct Listeners {
    // Who share bundles, and who do not.
    std::vector<Subscription*> sharing;
    std::vector<Subscription*> others;
    BundleBuilder bundles;
    // Whether the commit at hand has told it anything.
    bool told = false;
  };
  Listeners& ListenersOf(const PatternIndex::Group& group);
  void DeliverTo(absl::Span<Subscription* const> subscriptions,
                 const std::shared_ptr<const Delivery>& delivery,
                 bool may_wait);
  // Puts what is ready into the queues of those who share it.
  void Share(const Listeners& listeners, BundleBuilder::Ready ready);
  void EndCommit();
  // Makes the operation at hand wait at the place; gives what to acknowledge.
  uint64_t Intercept(const Subscription& subscription);

  PatternIndex index_;
  absl::flat_hash_map<const Subscription*, Entry> subscriptions_;
  // How many of them intercept.
  size_t intercepting_ = 0;
  std::shared_ptr<Interceptions> interceptions_;
  const Clock* clock_ = nullptr;
  const std::shared_ptr<std::atomic<Revision>> routed_;

  // Those that got something in this batch.
  std::vector<Receiver*> touched_;
  // Of patterns that many listen to, as long as nobody intercepts; and those of
  // them that the commit at hand has told something.
  absl::node_hash_map<const PatternIndex::Group*, Listeners> listeners_;
  std::vector<Listeners*> told_;
  // Whether those of the commit at hand may.
  bool sharing_ = true;

  // Of the operation at hand: its commit and number, the place that is being
  // told and whether anybody intercepts there, the gate if anybody does at all,
  // and how many levels it has below that place.
  const SequencedCommit* commit_ = nullptr;
  int32_t index_in_commit_ = 0;
  Path place_;
  bool intercepted_here_ = false;
  std::shared_ptr<BubbleGate> gate_;
  size_t levels_below_ = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_EVENT_ROUTER_H_
