#include "engine/controller/measures.h"

#include <memory>

#include "engine/controller/controller.h"

namespace restate {

DerivationCounts CountDerivations(const DerivationState& state) {
  DerivationCounts counts;
  for (auto it = state.derivations.begin(); !it.at_end(); ++it) {
    switch (it->value.progress->status) {
      case DerivationStatus::kOk:
        ++counts.ok;
        break;
      case DerivationStatus::kError:
        ++counts.error;
        break;
      case DerivationStatus::kStale:
        ++counts.stale;
        break;
      case DerivationStatus::kOverBudget:
        ++counts.over_budget;
        break;
    }
  }
  return counts;
}

Controller::Status Controller::GetStatus() const {
  const History& history = sequencer_->history();
  Status status;
  status.history_oldest = history.oldest();
  status.history_oldest_time = history.oldest_time();
  status.history_bytes = history.bytes();
  status.sessions = sessions_->count();
  status.subscriptions = hub_->count();
  status.trackers = trackers_->count();
  status.requests = sequencer_->requests();
  status.unacknowledged = hub_->interceptions().pending();
  status.derivations = CountDerivations(Published()->derivations());
  return status;
}

Measures Controller::Measure() const {
  Measures measures;
  measures.status = GetStatus();
  measures.revision = Published()->revision();
  measures.healthy = Health().ok();
  measures.commits = &sequencer_->counters();
  measures.queue = sequencer_->waiting();
  measures.leases = sequencer_->leases().count();
  measures.subscriptions = &hub_->counters();
  measures.queued = hub_->queued_bytes();
  measures.accounts = accounts_.get();
  measures.queue_full_of_client =
      sequencer_->queue().refused_of_client().value();
  measures.queue_full_of_all = sequencer_->queue().refused_of_all().value();
  measures.interception_timeouts = hub_->interceptions().timeouts().value();
  measures.derivations = &sequencer_->derivation_engine().counters();
  measures.derivation_lua = &sequencer_->derivation_engine().lua_counters();
  measures.equality_lua = &sequencer_->lua_equalities().counters();
  measures.hosts = hosts_->GetStatus();
  measures.open_runs = trackers_->open_runs();
  measures.runs = trackers_->runs().value();
  measures.runs_asked_for = trackers_->runs_asked_for().value();
  measures.tracker_loops = trackers_->loops().value();
  for (const std::shared_ptr<MountedBackend>& mounted : Mounts()) {
    measures.mounts.push_back(mounted->Status());
  }
  return measures;
}

}  // namespace restate
