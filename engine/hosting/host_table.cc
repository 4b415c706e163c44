#include "engine/hosting/host_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/epoch.h"
#include "engine/error/error.h"

namespace restate {

// A hosted definition.
struct HostTable::Hosted {
  Derivation derivation;
  // Sessions, the newest last.
  std::vector<std::string> hosts;
  // Whether the newest is to be called though nothing has changed: it may
  // compute something else than those before.
  bool forced = false;
  // How many calls came back.
  int64_t completed = 0;

  // The call under way, if there is one, and whom it went to.
  std::shared_ptr<SessionRequest> request;
  std::string called;
  // What it was sent with, each time that it was.
  struct Sent {
    Revision revision = 0;
    std::shared_ptr<const DerivationProgress> progress;
  };
  absl::flat_hash_map<std::string, Sent> sent;

  const Definition& definition() const { return *derivation.definition; }
  bool stale() const { return derivation.progress->outdated; }
};

// A write that waits.
struct HostTable::Waiter {
  struct Target {
    // Reached with sources of this revision, after so many calls.
    Revision source_revision = 0;
    int64_t completed = 0;
  };
  absl::btree_map<std::string, Target> targets;
  absl::Duration deadline;
  Derived derived;
  DerivedCallback done;
};

// What is to be done once the mutex is free.
struct HostTable::Actions {
  struct Ask {
    std::string session_id;
    std::shared_ptr<SessionRequest> request;
  };
  std::vector<Ask> asks;
  std::vector<std::unique_ptr<Waiter>> done;
};

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
  published_ = state->revision();
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

std::optional<FilledCall> HostTable::Fill(const TransformCall& call) {
  const auto state = sequencer_->publication().Newest();
  const Derivation* const derivation = state->derivations().Find(call.dest);
  // Then the call is withdrawn, or about to be.
  if (derivation == nullptr || derivation->version != call.version) return {};
  const Definition& definition = *derivation->definition;
  FilledCall filled;
  filled.call_id = NewEpoch();
  filled.definition = derivation->definition;
  filled.revision = state->revision();
  absl::Status failed;
  bool absent = false;
  ReadLimits limits;
  limits.max_bytes = limits_.max_call_bytes;
  for (const Path& source : definition.sources) {
    absl::StatusOr<ReadResult> read =
        state->Read(source, ViewOf(call.dest, source), limits);
    if (read.ok() && read->over_limit) {
      read = MakeError(
          Reason::kReadTooLarge,
          absl::StrCat("what ", source.ToText(), " reads as is over ",
                       limits_.max_call_bytes,
                       " bytes, more than a call may carry: derive from a part "
                       "of it"),
          {{"path", source.ToText()}});
    }
    if (!read.ok()) {
      failed = read.status();
      break;
    }
    if (!read->tree.has_value() && source.is_root()) {
      read->tree = Value::EmptyMap();
    }
    absent |= !read->tree.has_value();
    filled.sources.push_back(std::move(read->tree));
  }
  const bool skip = failed.ok() && absent && !definition.call_when_absent;
  Actions actions;
  {
    MutexLock lock(&mutex_);
    auto it = hosted_.find(call.dest.key());
    if (it == hosted_.end() ||
        it->second->derivation.version != call.version ||
        it->second->request == nullptr) {
      return {};
    }
    Hosted& hosted = *it->second;
    if (skip) {
      // Nothing is to be computed before that changes.
      EndCall(&hosted);
      hosted.forced = false;
      ++hosted.completed;
      RefreshLocked(&actions);
      auto again = hosted_.find(call.dest.key());
      if (again != hosted_.end()) Consider(again->second.get(), &actions);
      CheckWaiters(false, &actions);
    } else {
      hosted.sent[filled.call_id] = {filled.revision, derivation->progress};
      calls_[filled.call_id] = call.dest.key();
    }
  }
  Run(std::move(actions));
  if (skip) return {};
  if (!failed.ok()) {
    Complete(filled.call_id, failed, [](absl::StatusOr<Revision>) {});
    return {};
  }
  return filled;
}

void HostTable::Complete(const std::string& call_id,
                         absl::StatusOr<Tree> result, DoneCallback done) {
  CommitRequest request;
  std::string key;
  uint64_t version = 0;
  {
    MutexLock lock(&mutex_);
    auto call = calls_.find(call_id);
    if (call != calls_.end()) {
      key = call->second;
      Hosted& hosted = *hosted_.at(key);
      const Hosted::Sent& sent = hosted.sent.at(call_id);
      CompleteTransform change;
      change.dest = hosted.definition().dest;
      change.version = version = hosted.derivation.version;
      change.source_revision = sent.revision;
      change.computed_from = sent.progress;
      change.status = result.status();
      if (result.ok()) change.value = *std::move(result);
      request.derivation = std::move(change);
      calls_.erase(call);
    }
  }
  if (!request.derivation.has_value()) {
    return done(MakeError(
        Reason::kCallNotFound,
        absl::StrCat("nobody waits for the call '", call_id,
                     "' any more: it was answered, another host has it, or the "
                     "derivation was replaced"),
        {{"call_id", call_id}}));
  }
  sequencer_->Submit(
      std::move(request),
      [this, key, version,
       done = std::move(done)](absl::StatusOr<CommitResult> result) mutable {
        Actions actions;
        {
          MutexLock lock(&mutex_);
          auto it = hosted_.find(key);
          if (it != hosted_.end() &&
              it->second->derivation.version == version) {
            EndCall(it->second.get());
            it->second->forced = false;
            ++it->second->completed;
          }
          RefreshLocked(&actions);
          it = hosted_.find(key);
          if (it != hosted_.end()) Consider(it->second.get(), &actions);
          CheckWaiters(false, &actions);
        }
        if (result.ok()) {
          done(result->revision);
        } else {
          done(result.status());
        }
        Run(std::move(actions));
      });
}

void HostTable::AwaitStale(Revision since, const Path* upstream,
                           Waiter* waiter) {
  for (const std::string& key : stale_) {
    const Revision wanted =
        hosted_.at(key)->derivation.progress->wanted_revision;
    if (wanted < since) continue;
    const auto is_it = [&](const PendingDestination& one) {
      return one.dest.key() == key;
    };
    if (std::any_of(waiter->derived.pending.begin(),
                    waiter->derived.pending.end(), is_it)) {
      continue;
    }
    if (upstream != nullptr) {
      const std::vector<Path> all = graph_->AllUpstreamOf(Path::FromKey(key));
      if (key == upstream->key() ||
          std::find(all.begin(), all.end(), *upstream) == all.end()) {
        continue;
      }
    }
    // A definition that changed no value has no revision of its own.
    Revision& target = waiter->targets[key].source_revision;
    target = std::max(target, std::min(wanted, published_));
  }
}

void HostTable::WhenDerived(Revision revision, std::optional<Path> dest,
                            DerivedCallback done) {
  Actions actions;
  auto waiter = std::make_unique<Waiter>();
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
            std::min(hosted.derivation.progress->wanted_revision, published_),
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
    const bool reached =
        progress.source_revision >= it->second.source_revision &&
        hosted.completed >= it->second.completed;
    if (reached) {
      if (progress.status == DerivationStatus::kError) {
        waiter->derived.pending.push_back(
            {path, PendingDestination::Why::kFailed, progress.message});
      }
      waiter->derived.revision =
          std::max(waiter->derived.revision, progress.last_revision);
      targets.erase(it);
      // Those that are computed from it are next.
      AwaitStale(progress.last_revision, &path, waiter);
      it = targets.begin();
      continue;
    }
    if (hosted.hosts.empty() || overdue) {
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

std::vector<std::string> HostTable::HostsOf(const Path& dest) const {
  MutexLock lock(&mutex_);
  auto it = hosted_.find(dest.key());
  if (it == hosted_.end()) return {};
  return it->second->hosts;
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
