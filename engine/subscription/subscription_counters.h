#ifndef RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_COUNTERS_H_
#define RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_COUNTERS_H_

#include "engine/measure/counter.h"

namespace restate {

// What became of events, of all subscriptions since the start. Thread-safe.
struct SubscriptionCounters {
  // Events that the sequencer had for subscribers, one for each of them. The
  // sequencer's thread alone counts these.
  Counter events;
  // How often a full queue made a subscription read on from the history, or
  // end.
  Counter overflows_to_history;
  Counter overflows_to_end;
  // Events that a later one of the same path took the place of.
  Counter coalesced;
  // How often a subscription had to begin again with a snapshot: it was sent a
  // reset and a gap.
  Counter resets;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_COUNTERS_H_
