#include <algorithm>
#include <utility>

#include "engine/hosting/host_table.h"
#include "engine/hosting/host_table_parts.h"

// Who waits for hosted destinations, and until when.

namespace restate {

void HostTable::AwaitStale(Revision since, const Path* upstream,
                           Waiter* waiter) {
  for (const std::string& key : stale_) {
    const Revision wanted =
        hosted_.at(key)->derivation.progress->wanted_revision;
    if (wanted < since) continue;
    if (upstream != nullptr) {
      const std::vector<Path> all = graph_->AllUpstreamOf(Path::FromKey(key));
      if (key == upstream->key() ||
          std::find(all.begin(), all.end(), *upstream) == all.end()) {
        continue;
      }
    }
    auto& pending = waiter->derived.pending;
    const auto told = std::find_if(
        pending.begin(), pending.end(), [&](const PendingDestination& one) {
          return one.dest.key() == key;
        });
    if (told != pending.end()) {
      // One that failed may do better with what is there now.
      if (told->why != PendingDestination::Why::kFailed) continue;
      pending.erase(told);
    }
    Revision& target = waiter->targets[key].source_revision;
    target = std::max(target, wanted);
  }
}

void HostTable::WhenDerived(Revision revision, std::optional<Path> dest,
                            DerivedCallback done) {
  Actions actions;
  auto waiter = std::make_unique<Waiter>();
  waiter->since = revision;
  waiter->done = std::move(done);
  waiter->deadline = clock_->Monotonic() + limits_.wait;
  {
    MutexLock lock(&mutex_);
    RefreshLocked(&actions);
    AwaitStale(revision, nullptr, waiter.get());
    if (dest.has_value()) {
      auto it = hosted_.find(dest->key());
      if (it != hosted_.end()) {
        const Hosted& hosted = *it->second;
        waiter->targets[dest->key()] = Waiter::Target{
            hosted.derivation.progress->wanted_revision,
            hosted.completed + (hosted.forced ? 1 : 0)};
      }
    }
    if (Check(waiter.get(), false)) {
      actions.done.push_back(std::move(waiter));
    } else {
      waiters_.push_back(std::move(waiter));
    }
  }
  Run(std::move(actions));
}

bool HostTable::Check(Waiter* waiter, bool overdue) {
  auto& targets = waiter->targets;
  for (auto it = targets.begin(); it != targets.end();) {
    auto found = hosted_.find(it->first);
    const Path path = Path::FromKey(it->first);
    if (found == hosted_.end()) {
      // It is not derived any more, or not by a host.
      it = targets.erase(it);
      continue;
    }
    const Hosted& hosted = *found->second;
    const DerivationProgress& progress = *hosted.derivation.progress;
    // One that is not stale is what its sources make it: also if they are absent
    // and nothing was computed, and if it was made stale by a definition that
    // changed no value, whose number the next commit gets.
    const bool reached =
        (!hosted.stale() ||
         progress.source_revision >= it->second.source_revision) &&
        hosted.completed >= it->second.completed;
    if (reached) {
      if (progress.status == DerivationStatus::kError) {
        waiter->derived.pending.push_back(
            {path, PendingDestination::Why::kFailed, progress.message});
      }
      waiter->derived.revision =
          std::max(waiter->derived.revision, progress.last_revision);
      targets.erase(it);
      // Those that are computed from it are next; not only from its last result:
      // one before may have changed them, and the last nothing any more.
      AwaitStale(waiter->since, &path, waiter);
      it = targets.begin();
      continue;
    }
    if (hosted.hosts.empty() || overdue) {
      ++(hosted.hosts.empty() ? counts_.waits_without_host
                              : counts_.waits_timed_out);
      waiter->derived.pending.push_back(
          {path,
           hosted.hosts.empty() ? PendingDestination::Why::kNoHost
                                : PendingDestination::Why::kSlow,
           ""});
      it = targets.erase(it);
      continue;
    }
    ++it;
  }
  return targets.empty();
}

void HostTable::CheckWaiters(bool overdue, Actions* actions) {
  const absl::Duration now = overdue ? clock_->Monotonic() : absl::Duration();
  for (std::unique_ptr<Waiter>& waiter : waiters_) {
    if (Check(waiter.get(), overdue && now >= waiter->deadline)) {
      actions->done.push_back(std::move(waiter));
    }
  }
  std::erase(waiters_, nullptr);
}

void HostTable::EndWaits() {
  Actions actions;
  {
    MutexLock lock(&mutex_);
    for (std::unique_ptr<Waiter>& waiter : waiters_) {
      // Also what one that is reached leads to is not waited for.
      while (!Check(waiter.get(), true)) {
      }
      actions.done.push_back(std::move(waiter));
    }
    waiters_.clear();
  }
  Run(std::move(actions));
}

void HostTable::Tick() {
  Actions actions;
  {
    MutexLock lock(&mutex_);
    if (waiters_.empty()) return;
    CheckWaiters(true, &actions);
  }
  Run(std::move(actions));
}

}  // namespace restate
