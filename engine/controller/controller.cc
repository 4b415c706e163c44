#include "engine/controller/controller.h"

#include <algorithm>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/epoch.h"
#include "engine/error/error.h"
#include "engine/subscription/ack_token.h"

namespace restate {
namespace {

// How often the history is held to its age, and what could not be expired is
// tried again.
constexpr absl::Duration kCheckInterval = absl::Seconds(5);
constexpr absl::Duration kLeastClockStep = absl::Seconds(1);

}  // namespace

absl::StatusOr<std::unique_ptr<Controller>> Controller::Start(
    ControllerOptions options) {
  std::unique_ptr<Controller> controller(new Controller());
  controller->issuer_ = NewEpoch();
  controller->clock_ = options.clock;
  controller->accounts_ = std::make_unique<ClientAccounts>(options.clients);
  controller->hub_ = std::make_unique<SubscriptionHub>(options.interceptions,
                                                       options.clock);
  controller->trackers_ = std::make_unique<TrackerTable>(
      options.trackers, options.clock,
      [raw = controller.get()](const std::string& session_id,
                               std::shared_ptr<SessionRequest> request) {
        raw->sessions_->Ask(session_id, std::move(request), false);
      });
  // Subscribers first: what they are told of a commit comes before the runs that
  // it makes necessary.
  controller->listeners_.Add(controller->hub_->listener());
  controller->listeners_.Add(controller->trackers_.get());
  controller->hosts_ = std::make_unique<HostTable>(
      options.hosts, options.clock,
      [raw = controller.get()](const std::string& session_id,
                               std::shared_ptr<SessionRequest> request) {
        // Not behind events: a callback may wait for it.
        raw->sessions_->Ask(session_id, std::move(request), true);
      });
  controller->listeners_.Add(controller->hosts_.get());
  options.listener = &controller->listeners_;
  // Asked only for requests that were let in, when there are sessions.
  options.check_session = [raw = controller.get()](const std::string& id) {
    return raw->sessions_->Check(id);
  };
  const SessionLimits session_limits = options.sessions;
  absl::StatusOr<std::unique_ptr<Sequencer>> sequencer =
      Sequencer::Start(std::move(options));
  if (!sequencer.ok()) return sequencer.status();
  controller->sequencer_ = *std::move(sequencer);
  controller->hub_->Start(controller->sequencer_);
  controller->trackers_->Start(controller->sequencer_.get());
  controller->sessions_ = std::make_unique<SessionTable>(
      session_limits, controller->accounts_.get(), controller->hub_.get(),
      [raw = controller.get()](const std::string& session_id,
                               absl::AnyInvocable<void()> done) {
        raw->trackers_->SessionEnded(session_id);
        raw->hosts_->SessionEnded(session_id);
        raw->ExpireLeases(session_id, std::move(done));
      },
      [raw = controller.get()](const std::string& session_id) {
        raw->trackers_->SessionResumed(session_id);
        raw->hosts_->SessionResumed(session_id);
      });
  controller->hosts_->Start(controller->sequencer_.get());
  // Sessions did not outlive the last run, and neither does what was bound to
  // them.
  for (bool more = true; more;) {
    std::promise<absl::StatusOr<CommitResult>> expired;
    CommitRequest expiry;
    expiry.expiry = LeaseExpiry();
    controller->Commit(
        std::move(expiry), [&](absl::StatusOr<CommitResult> done) {
          expired.set_value(std::move(done));
        });
    const absl::StatusOr<CommitResult> result = expired.get_future().get();
    if (!result.ok()) return result.status();
    more = !result->results.empty();
  }
  return controller;
}

void Controller::ExpireLeases(const std::string& session_id,
                              absl::AnyInvocable<void()> done) {
  CommitRequest request;
  request.expiry = LeaseExpiry{LeaseExpiry::Of::kSession, session_id};
  Commit(std::move(request), [this, session_id, done = std::move(done)](
                                 absl::StatusOr<CommitResult> result) mutable {
    if (result.ok() && !result->results.empty()) {
      return ExpireLeases(session_id, std::move(done));
    }
    if (!result.ok()) {
      // The store is down, or the queue is full: Tick tries again. A stop
      // leaves it to the next start.
      MutexLock lock(&expiry_mutex_);
      unexpired_.push_back(session_id);
    }
    done();
  });
}

void Controller::ExpireOverdue() {
  if (!sequencer_->leases().HasOverdue() || expiring_.exchange(true)) return;
  CommitRequest request;
  request.expiry = LeaseExpiry{LeaseExpiry::Of::kOverdue, ""};
  Commit(std::move(request), [this](absl::StatusOr<CommitResult> result) {
    expiring_ = false;
    // One commit ends a bounded number, and those of clients come between two of
    // them. If it failed, Tick tries again.
    if (result.ok()) ExpireOverdue();
  });
}

Controller::~Controller() {
  if (sequencer_ != nullptr) Stop().IgnoreError();
}

CommitCallback Controller::AfterDerived(std::optional<Path> dest, Hold hold,
                                        CommitCallback done) {
  return [this, dest = std::move(dest), hold = std::move(hold),
          done = std::move(done)](
             absl::StatusOr<CommitResult> result) mutable {
    if (!result.ok() || (!result->changed && !dest.has_value())) {
      return done(std::move(result));
    }
    const Revision revision = result->revision;
    hosts_->WhenDerived(
        revision, std::move(dest),
        [result = std::move(result), hold = std::move(hold),
         done = std::move(done)](HostTable::Derived derived) mutable {
          result->derived_revision = derived.revision;
          result->pending = std::move(derived.pending);
          done(std::move(result));
        });
  };
}

void Controller::Commit(CommitRequest request, CommitCallback done) {
  if (!request.run_id.empty()) trackers_->RecordWrite(request.run_id);
  if (request.wait_derived) {
    absl::StatusOr<Hold> hold = Take(request.client, Holding::kWaits);
    if (!hold.ok()) return done(hold.status());
    done = AfterDerived(std::nullopt, *std::move(hold), std::move(done));
  }
  sequencer_->Submit(std::move(request), std::move(done));
}

void Controller::Derive(CommitRequest request, const std::string& session_id,
                        CommitCallback done) {
  const Definition definition =
      std::get<DefineDerivation>(*request.derivation).definition;
  if (request.wait_derived) {
    absl::StatusOr<Hold> hold = Take(request.client, Holding::kWaits);
    if (!hold.ok()) return done(hold.status());
    done = AfterDerived(definition.dest, *std::move(hold), std::move(done));
  }
  if (definition.hosted()) {
    if (absl::Status status = sessions_->Check(session_id); !status.ok()) {
      return done(status);
    }
    done = [this, definition, session_id, done = std::move(done)](
               absl::StatusOr<CommitResult> result) mutable {
      if (result.ok()) {
        hosts_->AddHost(definition, session_id);
        // It may have ended in between; then nobody else would remove it.
        if (!sessions_->Check(session_id).ok()) {
          hosts_->SessionEnded(session_id);
        }
      }
      done(std::move(result));
    };
  }
  sequencer_->Submit(std::move(request), std::move(done));
}

absl::StatusOr<BegunRun> Controller::BeginRun(const std::string& session_id,
                                              std::string tracker_id) {
  const absl::StatusOr<std::shared_ptr<ClientAccount>> account =
      sessions_->AccountOf(session_id);
  if (!account.ok()) return account.status();
  absl::StatusOr<BegunRun> begun =
      trackers_->BeginRun(session_id, std::move(tracker_id), **account);
  // It may have ended in between; then nobody else would end its trackers.
  const absl::Status status = sessions_->Check(session_id);
  if (!status.ok()) {
    trackers_->SessionEnded(session_id);
    return status;
  }
  return begun;
}

absl::StatusOr<std::unique_ptr<EventStream>> Controller::Subscribe(
    SubscriptionSpec spec, size_t max_queue_bytes, ReadyCallback ready,
    const ClientId& client) {
  std::shared_ptr<Receiver> receiver =
      hub_->NewReceiver(max_queue_bytes, accounts_->AccountOf(client));
  const uint64_t stream = receiver->Attach(std::move(ready));
  absl::StatusOr<SubscriptionHub::Added> added =
      hub_->Add(receiver, std::move(spec), "", "");
  if (!added.ok()) return added.status();
  return hub_->StreamOf(std::move(receiver), stream, added->id);
}

std::vector<std::string> Controller::Acknowledge(
    absl::Span<const Acknowledgement> answers) {
  std::vector<std::string> expired;
  std::vector<Interceptions::Answer> known;
  for (const Acknowledgement& answer : answers) {
    const std::optional<uint64_t> id = DecodeAckToken(issuer_, answer.token);
    if (id.has_value()) {
      known.push_back({*id, answer.stop_bubbling});
    } else {
      expired.push_back(answer.token);
    }
  }
  for (uint64_t late : hub_->interceptions().Take(known, clock_->Monotonic())) {
    expired.push_back(EncodeAckToken(issuer_, late));
  }
  return expired;
}

absl::Status Controller::Compact(Revision through) {
  if (through > sequencer_->publication().last_given()) {
    return MakeError(
        Reason::kRevisionInFuture,
        absl::StrCat("revision ", through, " was never given out; the last "
                     "one is ", Published()->revision()));
  }
  auto done = std::make_shared<std::promise<absl::Status>>();
  absl::Status status = sequencer_->AtBoundary(
      [sequencer = sequencer_.get(), through, done] {
        done->set_value(sequencer->history().Compact(through));
      });
  return status.ok() ? done->get_future().get() : status;
}

absl::StatusOr<Controller::Checkpoint> Controller::TakeCheckpoint(
    std::vector<std::string> record_prefixes) {
  auto done = std::make_shared<std::promise<Checkpoint>>();
  // Between two batches everything that is published belongs together.
  absl::Status status = sequencer_->AtBoundary(
      [sequencer = sequencer_.get(), prefixes = std::move(record_prefixes),
       done] {
        Checkpoint checkpoint;
        checkpoint.state = sequencer->publication().Newest();
        for (const std::string& prefix : prefixes) {
          checkpoint.records.merge(sequencer->records().WithPrefix(prefix));
        }
        for (Path& path : sequencer->leases().Paths()) {
          std::optional<LeaseStatus> lease = sequencer->leases().Find(path);
          if (lease.has_value()) {
            checkpoint.leases.push_back(
                {std::move(path), std::move(lease->terms)});
          }
        }
        done->set_value(std::move(checkpoint));
      });
  if (!status.ok()) return status;
  return done->get_future().get();
}

void Controller::Tick(absl::Duration now) {
  hub_->Tick(now);
  sessions_->Tick(now);
  trackers_->Tick();
  hosts_->Tick();
  ExpireOverdue();
  for (const std::shared_ptr<MountedBackend>& mounted : Mounts()) {
    if (mounted->applier() != nullptr) mounted->applier()->Tick();
  }
  // What remembers by the wall clock is told soon that it was set.
  const absl::Time monotonic_origin = clock_->Now() - now;
  if (absl::AbsDuration(monotonic_origin - monotonic_origin_) >=
      kLeastClockStep) {
    next_check_ = now;
  }
  monotonic_origin_ = monotonic_origin;
  if (now < next_check_) return;
  next_check_ = now + kCheckInterval;
  std::vector<std::string> unexpired;
  {
    MutexLock lock(&expiry_mutex_);
    unexpired.swap(unexpired_);
  }
  for (const std::string& session_id : unexpired) {
    ExpireLeases(session_id, [] {});
  }
  // The next batch tells if the store has failed.
  sequencer_
      ->AtBoundary([sequencer = sequencer_.get()] {
        sequencer->history().EnforceBounds().IgnoreError();
      })
      .IgnoreError();
}

absl::Status Controller::Stop() {
  absl::Status status = sequencer_->Stop();
  hosts_->EndWaits();
  hub_->EndAll(MakeError(
      Reason::kShuttingDown,
      "the server is shutting down: subscribe again from the last token, it "
      "may come back or another take its place"));
  return status;
}

}  // namespace restate
