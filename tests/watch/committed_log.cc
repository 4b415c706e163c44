#include "tests/watch/committed_log.h"

#include <algorithm>
#include <set>
#include <variant>

#include "absl/strings/str_cat.h"

namespace restate::test {
namespace {

bool TellsNobody(const Operation& operation) {
  if (const auto* set = std::get_if<SetOperation>(&operation)) {
    return set->skip_notify || set->default_value.has_value();
  }
  if (const auto* erase = std::get_if<DeleteOperation>(&operation)) {
    return erase->skip_notify;
  }
  return false;
}

// One INITIAL event for each match, in path order.
std::vector<ModelEvent> Snapshot(const Model& model, int64_t revision,
                                 const Wish& wish) {
  std::vector<ModelEvent> events;
  if (!wish.kinds.empty() && !wish.kinds.contains("INITIAL")) return events;
  std::set<Path> places = {Path()};
  for (const auto& [path, own] : model.own_values()) {
    for (size_t depth = 1; depth <= path.depth(); ++depth) {
      places.insert(path.Ancestor(depth));
    }
  }
  std::vector<PathPattern> patterns = wish.patterns;
  std::sort(patterns.begin(), patterns.end());
  for (const Path& place : places) {
    for (const PathPattern& pattern : patterns) {
      if (!pattern.Matches(place)) continue;
      events.push_back({revision, 0, "INITIAL", place, place, pattern, Tree(),
                        model.Read(place)});
    }
  }
  return events;
}

}  // namespace

std::string CommittedLog::NoteAttempt(int writer,
                                      std::vector<Operation> operations) {
  MutexLock lock(&mutex_);
  std::string name = absl::StrCat(writer, ".", ++attempts_[writer]);
  open_[name] = std::move(operations);
  return name;
}

void CommittedLog::Answered(const std::string& name, int64_t revision) {
  MutexLock lock(&mutex_);
  commits_[revision] = std::move(open_.at(name));
  open_.erase(name);
}

void CommittedLog::WithoutEffect(const std::string& name) {
  MutexLock lock(&mutex_);
  open_.erase(name);
}

void CommittedLog::NoteStop(ToldStop stop) {
  MutexLock lock(&mutex_);
  open_stops_.push_back(std::move(stop));
}

void CommittedLog::Resolve(
    const std::map<std::string, int64_t>& revision_by_name) {
  MutexLock lock(&mutex_);
  for (auto& [name, operations] : open_) {
    auto it = revision_by_name.find(name);
    if (it != revision_by_name.end()) {
      commits_[it->second] = std::move(operations);
    }
  }
  open_.clear();
}

void CommittedLog::ResolveStops(
    const std::vector<ModelEvent>& told,
    const std::vector<std::pair<int64_t, int64_t>>& uncertain) {
  MutexLock lock(&mutex_);
  for (const ToldStop& stop : open_stops_) {
    const bool may_be_lost = std::any_of(
        uncertain.begin(), uncertain.end(), [&](const auto& span) {
          return span.first < stop.revision && stop.revision <= span.second;
        });
    const bool passed =
        may_be_lost &&
        std::any_of(told.begin(), told.end(), [&](const ModelEvent& event) {
          return event.revision == stop.revision &&
                 event.index == stop.index &&
                 event.current_path.StrictlyContains(stop.place);
        });
    if (!passed) stops_[{stop.revision, stop.index}].push_back(stop.place);
  }
  open_stops_.clear();
}

size_t CommittedLog::size() const {
  MutexLock lock(&mutex_);
  return commits_.size();
}

bool CommittedLog::IsSilent(int64_t after, int64_t through) const {
  MutexLock lock(&mutex_);
  for (auto it = commits_.lower_bound(after);
       it != commits_.end() && it->first <= through; ++it) {
    if (std::any_of(it->second.begin(), it->second.end(), TellsNobody)) {
      return true;
    }
  }
  auto stop = stops_.lower_bound({after, 0});
  return stop != stops_.end() && stop->first.first <= through;
}

std::vector<std::string> CommittedLog::Play(
    const std::vector<PathPattern>& patterns,
    const std::map<int64_t, std::vector<Wish>>& snapshots) {
  MutexLock lock(&mutex_);
  std::vector<std::string> refused;
  Model model;
  auto wanted = snapshots.begin();
  const auto take_snapshots = [&](int64_t before) {
    for (; wanted != snapshots.end() && wanted->first < before; ++wanted) {
      for (const Wish& wish : wanted->second) {
        snapshots_[wanted->first].push_back(
            Snapshot(model, wanted->first, wish));
      }
    }
  };
  for (const auto& [revision, operations] : commits_) {
    take_snapshots(revision);
    std::vector<Model::Outcome> outcomes;
    std::vector<ModelEvent> events;
    if (!model.Apply(operations, revision, patterns, &outcomes, &events)) {
      refused.push_back(
          absl::StrCat("the model does not accept revision ", revision));
      continue;
    }
    if (std::none_of(outcomes.begin(), outcomes.end(),
                     [](const auto& outcome) { return outcome.changed; })) {
      refused.push_back(absl::StrCat("by the model, revision ", revision,
                                     " changes nothing"));
    }
    for (ModelEvent& event : events) {
      if (!IsStopped(event)) events_.push_back(std::move(event));
    }
  }
  take_snapshots(INT64_MAX);
  return refused;
}

bool CommittedLog::IsStopped(const ModelEvent& event) const {
  // What is told below the path written was never asked for. A downward event
  // is at its own emitting path; so is the first of those on the way up, which
  // no stop can be below of.
  if (event.emitting_path == event.current_path) return false;
  auto it = stops_.find({event.revision, event.index});
  return it != stops_.end() &&
         std::any_of(it->second.begin(), it->second.end(),
                     [&](const Path& place) {
                       return event.current_path.StrictlyContains(place);
                     });
}

std::vector<ModelEvent> CommittedLog::EventsFor(const Wish& wish) const {
  std::vector<ModelEvent> heard;
  for (const ModelEvent& event : events_) {
    if (wish.Hears(event)) heard.push_back(event);
  }
  return heard;
}

const std::vector<ModelEvent>& CommittedLog::SnapshotAt(int64_t revision,
                                                        size_t number) const {
  return snapshots_.at(revision).at(number);
}

}  // namespace restate::test
