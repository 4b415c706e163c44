#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/epoch.h"
#include "engine/error/error.h"
#include "engine/hosting/host_table.h"
#include "engine/hosting/host_table_parts.h"

// What a call says when it is sent, and what becomes of its answer.

namespace restate {
namespace {

// Adds what the sources are, up to one that cannot be given.
absl::Status ReadSources(const PublishedState& state,
                         const Definition& definition, size_t max_bytes,
                         std::vector<Tree>* sources) {
  ReadLimits limits;
  limits.max_bytes = max_bytes;
  for (const Path& source : definition.sources) {
    absl::StatusOr<ReadResult> read =
        state.Read(source, ViewOf(definition.dest, source), limits);
    if (!read.ok()) return read.status();
    if (read->over_limit) {
      return MakeError(
          Reason::kReadTooLarge,
          absl::StrCat("what ", source.ToText(), " reads as is over ",
                       max_bytes,
                       " bytes, more than a call may carry: derive from a part "
                       "of it"),
          {{"path", source.ToText()}});
    }
    if (!read->tree.has_value() && source.is_root()) {
      read->tree = Value::EmptyMap();
    }
    sources->push_back(std::move(read->tree));
  }
  return absl::OkStatus();
}

}  // namespace

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
  const absl::Status failed =
      ReadSources(*state, definition, limits_.max_call_bytes, &filled.sources);
  const bool absent = std::find(filled.sources.begin(), filled.sources.end(),
                                std::nullopt) != filled.sources.end();
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
      ++(result.ok() ? counts_.results : counts_.errors);
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

}  // namespace restate
