#include "tests/watch/recording.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "engine/value/value_proto.h"

namespace restate::test {
namespace {

const char* KindName(v1::EventKind kind) {
  switch (kind) {
    case v1::EVENT_KIND_SET:
      return "SET";
    case v1::EVENT_KIND_DELETE:
      return "DELETE";
    case v1::EVENT_KIND_PING:
      return "PING";
    case v1::EVENT_KIND_INITIAL:
      return "INITIAL";
    default:
      return "?";
  }
}

template <typename T>
T OrAbort(absl::StatusOr<T> parsed) {
  if (!parsed.ok()) {
    std::cerr << parsed.status() << std::endl;
    std::abort();
  }
  return *std::move(parsed);
}

Tree TreeOf(bool there, const v1::Value& value) {
  return there ? Tree(OrAbort(FromProto(value))) : Tree();
}

}  // namespace

Wish Wish::Of(const v1::SubscribeRequest& request) {
  Wish wish;
  for (const v1::PathPattern& pattern : request.patterns()) {
    wish.patterns.push_back(OrAbort(PathPattern::Parse(pattern.text())));
  }
  wish.exact = request.scope() == v1::SUBSCRIBE_SCOPE_EXACT;
  for (int kind : request.kinds()) {
    wish.kinds.insert(KindName(static_cast<v1::EventKind>(kind)));
  }
  return wish;
}

bool Wish::Hears(const ModelEvent& event) const {
  if (std::find(patterns.begin(), patterns.end(), event.pattern) ==
          patterns.end() ||
      !event.pattern.Matches(event.current_path) ||
      !event.current_path.Contains(event.emitting_path)) {
    return false;
  }
  if (exact && event.current_path != event.emitting_path) return false;
  return kinds.empty() || kinds.contains(event.kind);
}

EventKey EventKey::Of(const ModelEvent& event) {
  return {event.revision, event.index,
          -static_cast<int64_t>(event.current_path.depth()),
          event.current_path, event.pattern};
}

std::string EventKey::ToText() const {
  return absl::StrCat(revision, ".", index, " at ", current_path.ToText(), " (",
                      pattern.ToText(), ")");
}

ToldBatch ToldBatch::Of(const v1::EventBatch& batch) {
  ToldBatch told;
  for (const v1::Event& event : batch.events()) {
    told.events.push_back(
        {event.revision(), event.index(), KindName(event.kind()),
         OrAbort(Path::Parse(event.emitting_path().text())),
         OrAbort(Path::Parse(event.current_path().text())),
         OrAbort(PathPattern::Parse(event.pattern().text())),
         TreeOf(event.has_prev_value(), event.prev_value()),
         TreeOf(event.has_new_value(), event.new_value())});
    told.coalesced.push_back(event.coalesced());
  }
  told.revision = batch.revision();
  told.token = batch.resume_token();
  told.synced = batch.synced();
  told.reset = batch.has_reset();
  told.reset_done = batch.has_reset_done();
  told.gap = batch.has_gap();
  return told;
}

std::vector<ModelEvent> Stretch::Events() const {
  std::vector<ModelEvent> events;
  for (const ToldBatch& batch : batches) {
    events.insert(events.end(), batch.events.begin(), batch.events.end());
  }
  return events;
}

int64_t Stretch::through() const {
  for (auto batch = batches.rbegin(); batch != batches.rend(); ++batch) {
    if (batch->revision != 0) return batch->revision;
  }
  return from;
}

std::vector<Stretch> StretchesOf(const Recording& recording,
                                 std::vector<std::string>* violations) {
  std::vector<Stretch> stretches;
  const auto broken = [&](const std::string& what) {
    violations->push_back(absl::StrCat(recording.name, ": ", what));
  };
  for (const Piece& piece : recording.pieces) {
    // A snapshot that has not ended yet.
    std::optional<std::vector<ModelEvent>> snapshot;
    bool live = piece.beginning == Beginning::kToken;
    bool synced = false;
    if (piece.beginning == Beginning::kSnapshot) snapshot.emplace();
    for (const ToldBatch& batch : piece.batches) {
      if (batch.reset) {
        if (!batch.gap) broken("a reset without a gap");
        if (snapshot.has_value()) broken("a reset inside a snapshot");
        snapshot.emplace();
        live = false;
      }
      if (!live) {
        for (const ModelEvent& event : batch.events) {
          if (event.kind != "INITIAL" || !snapshot.has_value()) {
            broken("before synced: " + event.ToText());
          } else {
            snapshot->push_back(event);
          }
        }
        if (!batch.synced && !batch.reset_done) continue;
        if (batch.revision == 0 && snapshot.has_value() && !snapshot->empty()) {
          broken("synced without a revision");
        }
        Stretch& stretch = stretches.emplace_back();
        stretch.snapshot = std::move(snapshot);
        snapshot.reset();
        stretch.from = batch.revision;
        // Where its next stream goes on.
        ToldBatch beginning = batch;
        beginning.events.clear();
        stretch.batches.push_back(std::move(beginning));
        live = true;
        if (batch.synced && synced) broken("synced twice");
        synced |= batch.synced;
        continue;
      }
      if (batch.synced) {
        if (synced) broken("synced twice");
        synced = true;
      }
      if (stretches.empty()) {
        broken("a token from nowhere");
        stretches.emplace_back();
      }
      stretches.back().batches.push_back(batch);
    }
  }
  return stretches;
}

}  // namespace restate::test
