// Step 2 of a sequencer's batch: what each commit does.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/commit/commit_view.h"
#include "engine/commit/executor.h"
#include "engine/commit/exports.h"
#include "engine/commit/sequencer.h"
#include "engine/commit/sequencer_batch.h"
#include "engine/derivation/long_calls.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// How long a lease waits whose path cannot be deleted now.
constexpr absl::Duration kStuckLeaseDelay = absl::Seconds(5);

// The path that an operation is about.
const Path& PathOf(const Operation& operation) {
  return std::visit([](const auto& one) -> const Path& { return one.path; },
                    operation);
}

// Whether it computes again what was put off.
bool IsSlice(const CommitRequest& request) {
  if (!request.derivation.has_value()) return false;
  const auto* again = std::get_if<ComputeAgain>(&*request.derivation);
  return again != nullptr && again->slice_of.has_value();
}

}  // namespace

absl::StatusOr<Execution> Sequencer::ExecuteCommit(CommitRequest& request,
                                                   Batch& batch,
                                                   Revision revision) {
  const auto can_store = [this](const Write& write) { return CanStore(write); };
  Overlay::Savepoint savepoint = batch.overlay->Save();
  const DerivationState derivations = batch.derivations;
  const size_t records = request.records.size();
  if (request.origin == CommitOrigin::kFile || request.expiry.has_value()) {
    // What is there is derived, whatever a file or a lease says.
    std::erase_if(request.operations, [&](const Operation& operation) {
      return derivations.values.OwnerOf(PathOf(operation)).has_value();
    });
  }
  const ExecutionContext context{&*batch.overlay, &derivations.values,
                                 &*last_changes_, can_store,
                                 revision,        options_.max_leaf_bytes,
                                 &lua_equalities_};
  absl::StatusOr<Execution> execution = Execute(request, context);
  if (execution.ok()) {
    // Of an expiry, the rest is for another commit.
    request.operations.resize(execution->results.size());
    absl::Status derived =
        Derive(*batch.state, *batch.overlay, context, &request,
               &batch.derivations, &*execution);
    if (!derived.ok()) execution = derived;
  }
  if (execution.ok() && batch.recall.has_value() && batch.recall->missed()) {
    execution = absl::UnavailableError("what it needs is read first");
  }
  if (!execution.ok()) {
    batch.overlay->Restore(std::move(savepoint));
    batch.derivations = derivations;
    // It may be executed again.
    request.records.resize(records);
  }
  return execution;
}

void Sequencer::ExecuteCommits(std::vector<QueuedCommit>& commits,
                               Batch& batch) {
  batch.answers.reserve(commits.size());
  for (QueuedCommit& commit : commits) {
    if (FollowsOneAside(commit.request)) {
      SetAside(std::move(commit));
      continue;
    }
    if (std::optional<absl::StatusOr<CommitResult>> answer =
            AnswerOf(commit.request);
        answer.has_value()) {
      (answer->ok() ? counters_.replayed : counters_.refused).AddAlone();
      Answer(batch, commit, *std::move(answer));
      continue;
    }
    const Revision revision = last_given_ + 1;
    if (absl::Status status = Prepare(&commit.request); !status.ok()) {
      counters_.refused.AddAlone();
      batch.answers.push_back({std::move(commit.done), std::move(status)});
      continue;
    }
    if (batch.recall.has_value()) {
      batch.recall->Use(commit.request.read_ahead.get());
    }
    absl::StatusOr<Execution> execution =
        ExecuteCommit(commit.request, batch, revision);
    const std::vector<Path> cleared = batch.overlay->TakeClearedEmptyMaps();
    if (batch.recall.has_value() && batch.recall->missed()) {
      commit.request.long_calls = nullptr;
      std::string store = WaitsFor(commit.request);
      read_ahead_->Add(std::move(commit), std::move(store));
      continue;
    }
    if (commit.request.long_calls != nullptr &&
        commit.request.long_calls->TakeGivenUp()) {
      SetAside(std::move(commit));
      continue;
    }
    derivation_engine_.ChargeWait(commit.request);
    if (!execution.ok()) {
      counters_.refused.AddAlone();
      batch.answers.push_back({std::move(commit.done), execution.status()});
      continue;
    }
    CommitResult result;
    result.changed = !execution->effects.empty();
    result.results = std::move(execution->results);
    if (!result.changed) counters_.unchanged.AddAlone();
    if (result.changed) {
      last_given_ = revision;
      RecordChanges(execution->effects, revision, &*last_changes_);
      for (const Path& path : cleared) {
        last_changes_->RecordOwnValue(path, revision);
      }
      SequencedCommit& sequenced =
          batch.sequenced.emplace_back(SequencedCommit{
              revision, options_.clock->Now(),
              commit.request.expiry.has_value() ? CommitOrigin::kExpired
                                                : commit.request.origin,
              std::move(execution->effects),
              std::move(commit.request.run_id)});
      KeepWhatIsBelow(batch.derivations.values, &sequenced);
    }
    result.revision = last_given_;
    if (commit.request.read_ahead != nullptr) {
      batch.reads.push_back(commit.request.read_ahead);
    }
    leases_->Stage(commit.request, result);
    if (commit.request.derivation.has_value()) {
      EndLeasesOfDestination(*commit.request.derivation);
    }
    batch.has_durable_records |=
        !commit.request.records.empty() && !IsSlice(commit.request);
    records_->Stage(commit.request.records);
    if (commit.request.identity.has_value()) {
      answered_->Stage(*commit.request.identity, result);
      if (!result.changed) {
        batch.has_durable_answer |= IsAboutDurable(commit.request);
      }
    }
    Answer(batch, commit, std::move(result));
  }
  publication_->GiveOut(last_given_);
}

void Sequencer::Answer(Batch& batch, QueuedCommit& commit,
                       absl::StatusOr<CommitResult> result) {
  if (commit.request.relaxed && result.ok()) {
    publication_->GiveOut(last_given_);
    commit.done(std::move(result));
  } else {
    batch.answers.push_back({std::move(commit.done), std::move(result)});
  }
}

void Sequencer::EndLeasesOfDestination(const DerivationChange& change) {
  const auto* define = std::get_if<DefineDerivation>(&change);
  if (define == nullptr) return;
  CommitRequest end;
  end.operations.push_back(DeleteOperation{.path = define->definition.dest});
  leases_->Stage(end, CommitResult());
}

bool Sequencer::IsAboutDurable(const CommitRequest& request) const {
  if (request.operations.empty()) return true;
  return std::any_of(request.operations.begin(), request.operations.end(),
                     [this](const Operation& operation) {
                       return IsDurable(PathOf(operation));
                     });
}

std::optional<absl::StatusOr<CommitResult>> Sequencer::AnswerOf(
    const CommitRequest& request) const {
  if (!request.identity.has_value()) return std::nullopt;
  absl::StatusOr<std::optional<CommitResult>> found =
      answered_->Find(*request.identity);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return std::nullopt;
  return **std::move(found);
}

absl::Status Sequencer::Prepare(CommitRequest* request) {
  if (request->expiry.has_value()) {
    PrepareExpiry(request);
    return absl::OkStatus();
  }
  if (request->origin == CommitOrigin::kFile) {
    std::erase_if(request->operations, [&](const Operation& operation) {
      return mounts_[table_->Find(PathOf(operation))].mounted->at() !=
             request->edited_mount;
    });
  }
  for (const Operation& operation : request->operations) {
    const auto* set = std::get_if<SetOperation>(&operation);
    if (set == nullptr || set->session_id.empty()) continue;
    absl::Status status =
        options_.check_session != nullptr
            ? options_.check_session(set->session_id)
            : MakeError(Reason::kSessionLost, "there are no sessions");
    if (!status.ok()) return status;
  }
  if (request->may_write_exports) return absl::OkStatus();
  return CheckExports(options_.exports, request->operations);
}

void Sequencer::PrepareExpiry(CommitRequest* request) {
  const LeaseExpiry& expiry = *request->expiry;
  request->operations.clear();
  std::vector<Path> paths;
  switch (expiry.of) {
    case LeaseExpiry::Of::kAllSessions:
      paths = leases_->PathsOfSessions(expiry_pace_.next());
      break;
    case LeaseExpiry::Of::kSession:
      paths = leases_->PathsOf(expiry.session_id, expiry_pace_.next());
      break;
    case LeaseExpiry::Of::kOverdue: {
      // Those on a mount that is down must not keep the others.
      std::vector<Path> stuck;
      for (Path& path : leases_->Overdue(expiry_pace_.next())) {
        if (CanStore(Write{.path = path}).ok()) {
          paths.push_back(std::move(path));
        } else {
          stuck.push_back(std::move(path));
        }
      }
      leases_->Postpone(stuck, kStuckLeaseDelay);
      break;
    }
  }
  for (Path& path : paths) {
    request->operations.push_back(DeleteOperation{.path = std::move(path)});
  }
  expired_in_batch_ += request->operations.size();
}

}  // namespace restate
