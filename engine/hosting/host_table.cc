#include "engine/hosting/host_table.h"

#include <utility>

#include "engine/hosting/host_table_parts.h"

// Which sessions host what, and which of them is called.

namespace restate {

HostTable::HostTable(HostLimits limits, const Clock* clock, AskCallback ask)
    : limits_(limits), clock_(clock), ask_(std::move(ask)) {}

HostTable::~HostTable() = default;

void HostTable::Start(Sequencer* sequencer) {
  {
    // The sequencer's thread may be here already.
    MutexLock lock(&mutex_);
    sequencer_ = sequencer;
  }
  sequencer->AtBoundary([this] { Refresh(); }).IgnoreError();
}

void HostTable::Run(Actions actions) {
  for (Actions::Ask& ask : actions.asks) {
    ask_(ask.session_id, std::move(ask.request));
  }
  for (std::unique_ptr<Waiter>& waiter : actions.done) {
    waiter->done(std::move(waiter->derived));
  }
}

void HostTable::Refresh() {
  Actions actions;
  {
    MutexLock lock(&mutex_);
    if (sequencer_ == nullptr) return;
    RefreshLocked(&actions);
  }
  Run(std::move(actions));
}

void HostTable::RefreshLocked(Actions* actions) {
  // Whoever holds the mutex sees no older state than those before.
  const auto state = sequencer_->publication().Newest();
  const PersistentMap<Derivation>& now = state->derivations().derivations;
  if (now.SharesRootWith(seen_)) return;
  graph_ = state->derivations().graph;
  std::vector<std::string> changed;
  PersistentMap<Derivation>::Diff(
      seen_, now,
      [&](const std::string& key, const Derivation*, const Derivation* after) {
        Update(key, after);
        changed.push_back(key);
      });
  seen_ = now;
  for (const std::string& key : changed) {
    auto it = hosted_.find(key);
    if (it != hosted_.end()) Consider(it->second.get(), actions);
  }
  CheckWaiters(false, actions);
}

void HostTable::Update(const std::string& key, const Derivation* derivation) {
  auto it = hosted_.find(key);
  const bool hosted = derivation != nullptr && derivation->definition->hosted();
  if (it != hosted_.end() &&
      (!hosted || it->second->derivation.version != derivation->version)) {
    EndCall(it->second.get());
    hosted_.erase(it);
    it = hosted_.end();
  }
  stale_.erase(key);
  if (!hosted) return;
  if (it == hosted_.end()) {
    it = hosted_.emplace(key, std::make_unique<Hosted>()).first;
  }
  it->second->derivation = *derivation;
  if (it->second->stale()) stale_.insert(key);
}

void HostTable::EndCall(Hosted* hosted) {
  if (hosted->request == nullptr) return;
  --counts_.calls_in_flight;
  hosted->request->Withdraw();
  hosted->request = nullptr;
  for (const auto& [call_id, sent] : hosted->sent) calls_.erase(call_id);
  hosted->sent.clear();
}

void HostTable::Consider(Hosted* hosted, Actions* actions) {
  if (hosted->request != nullptr || hosted->hosts.empty() ||
      !(hosted->stale() || hosted->forced)) {
    return;
  }
  ++counts_.calls;
  ++counts_.calls_in_flight;
  hosted->called = hosted->hosts.back();
  hosted->request = std::make_shared<SessionRequest>(TransformCall{
      hosted->definition().dest, hosted->derivation.version});
  actions->asks.push_back({hosted->called, hosted->request});
}

void HostTable::AddHost(const Definition& definition,
                        const std::string& session_id) {
  Actions actions;
  {
    MutexLock lock(&mutex_);
    RefreshLocked(&actions);
    auto it = hosted_.find(definition.dest.key());
    // Another definition may have taken its place already.
    if (it != hosted_.end() && it->second->definition() == definition) {
      Hosted& hosted = *it->second;
      std::erase(hosted.hosts, session_id);
      hosted.hosts.push_back(session_id);
      hosted.forced = true;
      Consider(&hosted, &actions);
    }
  }
  Run(std::move(actions));
}

void HostTable::SessionEnded(const std::string& session_id) {
  Actions actions;
  {
    MutexLock lock(&mutex_);
    for (const auto& [key, hosted] : hosted_) {
      std::erase(hosted->hosts, session_id);
      if (hosted->request == nullptr || hosted->called != session_id) continue;
      EndCall(hosted.get());
      Consider(hosted.get(), &actions);
    }
    CheckWaiters(false, &actions);
  }
  Run(std::move(actions));
}

void HostTable::SessionResumed(const std::string& session_id) {
  Actions actions;
  {
    MutexLock lock(&mutex_);
    for (const auto& [key, hosted] : hosted_) {
      if (hosted->request != nullptr && hosted->called == session_id) {
        actions.asks.push_back({session_id, hosted->request});
      }
    }
  }
  Run(std::move(actions));
}

HostTable::Status HostTable::GetStatus() const {
  MutexLock lock(&mutex_);
  Status status = counts_;
  status.hosted = hosted_.size();
  status.waiting_writes = waiters_.size();
  return status;
}

std::vector<std::string> HostTable::HostsOf(const Path& dest) const {
  MutexLock lock(&mutex_);
  auto it = hosted_.find(dest.key());
  if (it == hosted_.end()) return {};
  return it->second->hosts;
}

}  // namespace restate
