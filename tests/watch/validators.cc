#include "tests/watch/validators.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace restate::test {

std::vector<std::string> CheckOrdered(const Stretch& stretch) {
  std::vector<std::string> violations;
  EventKey last;
  for (const ModelEvent& event : stretch.Events()) {
    EventKey key = EventKey::Of(event);
    if (key.revision <= stretch.from) {
      violations.push_back(absl::StrCat("not ordered: ", key.ToText(),
                                        " after all of ", stretch.from));
    } else if (key < last) {
      violations.push_back(absl::StrCat("not ordered: ", key.ToText(),
                                        " after ", last.ToText()));
    }
    last = std::move(key);
  }
  return violations;
}

std::vector<std::string> CheckUnique(const Stretch& stretch) {
  std::vector<std::string> violations;
  std::set<EventKey> told;
  for (const ModelEvent& event : stretch.Events()) {
    EventKey key = EventKey::Of(event);
    const std::string text = key.ToText();
    if (!told.insert(std::move(key)).second) {
      violations.push_back("told twice: " + text);
    }
  }
  return violations;
}

std::vector<std::string> CheckAtomic(const Stretch& stretch,
                                     const std::vector<ModelEvent>& log) {
  std::vector<std::string> violations;
  // What is to be told of each revision, and what was.
  std::map<int64_t, int64_t> open;
  for (const ModelEvent& event : log) {
    if (event.revision > stretch.from) ++open[event.revision];
  }
  int64_t whole = stretch.from;
  for (const ToldBatch& batch : stretch.batches) {
    for (const ModelEvent& event : batch.events) {
      if (event.revision <= whole) {
        violations.push_back(
            absl::StrCat("not atomic: ", EventKey::Of(event).ToText(),
                         " after a batch that said revision ", whole));
      }
      --open[event.revision];
    }
    if (batch.revision == 0) continue;
    if (batch.revision < whole) {
      violations.push_back(absl::StrCat("not atomic: revision ", batch.revision,
                                        " said after ", whole));
    }
    for (auto it = open.begin();
         it != open.end() && it->first <= batch.revision;) {
      if (it->second > 0) {
        violations.push_back(absl::StrCat(
            "not atomic: a batch says revision ", batch.revision, ", and ",
            it->second, " events of ", it->first, " were not told"));
      }
      it = open.erase(it);
    }
    whole = std::max(whole, batch.revision);
  }
  return violations;
}

std::vector<std::string> CheckReliable(const Stretch& stretch,
                                       const std::vector<ModelEvent>& log) {
  std::vector<std::string> violations;
  std::set<EventKey> told;
  EventKey last;
  for (const ModelEvent& event : stretch.Events()) {
    EventKey key = EventKey::Of(event);
    if (last < key) last = key;
    told.insert(std::move(key));
  }
  for (const ModelEvent& event : log) {
    const EventKey key = EventKey::Of(event);
    if (event.revision <= stretch.from) continue;
    if (told.erase(key) == 1) continue;
    if (key < last || event.revision <= stretch.through()) {
      violations.push_back("missing: " + event.ToText());
    }
  }
  for (const EventKey& key : told) {
    violations.push_back("did not happen: " + key.ToText());
  }
  return violations;
}

std::vector<std::string> CheckFiltered(const Stretch& stretch,
                                       const Wish& wish) {
  std::vector<std::string> violations;
  for (const ModelEvent& event : stretch.Events()) {
    if (!wish.Hears(event)) {
      violations.push_back("does not match: " + event.ToText());
    }
  }
  return violations;
}

std::vector<std::string> CheckValues(const Stretch& stretch,
                                     const std::vector<ModelEvent>& log) {
  std::vector<std::string> violations;
  std::map<EventKey, const ModelEvent*> expected;
  for (const ModelEvent& event : log) expected[EventKey::Of(event)] = &event;
  for (const ModelEvent& event : stretch.Events()) {
    auto it = expected.find(EventKey::Of(event));
    if (it == expected.end()) continue;
    if (event.ToText() != it->second->ToText()) {
      violations.push_back(absl::StrCat("not as it was: ", event.ToText(),
                                        "; it was ", it->second->ToText()));
    }
  }
  return violations;
}

std::vector<std::string> CheckChained(
    const Stretch& stretch,
    const std::function<bool(const Path& path, int64_t after,
                             int64_t through)>& silent) {
  std::vector<std::string> violations;
  struct Link {
    int64_t revision;
    Tree value;
  };
  std::map<std::pair<Path, PathPattern>, Link> last;
  for (const ModelEvent& event : stretch.Events()) {
    if (event.emitting_path != event.current_path) {
      // Something below the current path: it reads otherwise now.
      last.erase({event.current_path, event.pattern});
      continue;
    }
    auto [it, first] =
        last.try_emplace({event.current_path, event.pattern});
    Link& link = it->second;
    if (!first && event.prev_value != link.value &&
        !silent(event.emitting_path, link.revision, event.revision)) {
      violations.push_back("not chained: " + event.ToText());
    }
    link = {event.revision, event.new_value};
  }
  return violations;
}

std::vector<std::string> CheckResumable(const Stretch& interrupted,
                                        const Stretch& uninterrupted) {
  const int64_t from = std::max(interrupted.from, uninterrupted.from);
  const int64_t through =
      std::min(interrupted.through(), uninterrupted.through());
  const auto lines = [&](const Stretch& stretch) {
    std::vector<std::string> all;
    for (const ModelEvent& event : stretch.Events()) {
      if (event.revision > from && event.revision <= through) {
        all.push_back(event.ToText());
      }
    }
    return all;
  };
  const std::vector<std::string> a = lines(interrupted);
  const std::vector<std::string> b = lines(uninterrupted);
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const std::string in_a = i < a.size() ? a[i] : "nothing";
    const std::string in_b = i < b.size() ? b[i] : "nothing";
    if (in_a != in_b) {
      return {absl::StrCat("interrupted: ", in_a, "; uninterrupted: ", in_b)};
    }
  }
  return {};
}

std::vector<std::string> CheckCoalesced(const Stretch& stretch,
                                        const std::vector<ModelEvent>& log) {
  std::vector<std::string> violations;
  using Series = std::tuple<Path, Path, PathPattern>;
  const auto series_of = [](const ModelEvent& event) {
    return Series(event.emitting_path, event.current_path, event.pattern);
  };
  std::map<Series, std::deque<const ModelEvent*>> open;
  for (const ModelEvent& event : log) {
    if (event.revision > stretch.from) open[series_of(event)].push_back(&event);
  }
  for (const ToldBatch& batch : stretch.batches) {
    for (size_t i = 0; i < batch.events.size(); ++i) {
      const ModelEvent& event = batch.events[i];
      const auto stands_for =
          static_cast<size_t>(batch.coalesced.empty() ? 0 : batch.coalesced[i]);
      std::deque<const ModelEvent*>& series = open[series_of(event)];
      if (series.size() <= stands_for) {
        violations.push_back(absl::StrCat("stands for ", stands_for,
                                          " events, too many: ",
                                          event.ToText()));
        continue;
      }
      // As it would be told: the last of them, with the first's previous value.
      ModelEvent expected = *series[stands_for];
      expected.prev_value = series.front()->prev_value;
      // A ping must not hide that there was a write.
      const bool wrote = std::any_of(
          series.begin(),
          series.begin() + static_cast<ptrdiff_t>(stands_for) + 1,
          [](const ModelEvent* one) { return one->kind != "PING"; });
      if (expected.kind == "PING" && wrote) {
        expected.kind = expected.new_value.has_value() ? "SET" : "DELETE";
      }
      if (event.ToText() != expected.ToText()) {
        violations.push_back(absl::StrCat("not as it was: ", event.ToText(),
                                          "; it was ", expected.ToText()));
      }
      series.erase(series.begin(),
                   series.begin() + static_cast<ptrdiff_t>(stands_for) + 1);
    }
    if (batch.revision == 0) continue;
    for (const auto& [key, series] : open) {
      if (!series.empty() && series.front()->revision <= batch.revision) {
        violations.push_back(absl::StrCat("a batch says revision ",
                                          batch.revision, " without ",
                                          series.front()->ToText()));
      }
    }
  }
  return violations;
}

std::vector<std::string> CheckSnapshot(
    const Stretch& stretch, const std::vector<ModelEvent>& expected) {
  std::vector<std::string> violations;
  if (!stretch.snapshot.has_value()) return violations;
  const std::vector<ModelEvent>& told = *stretch.snapshot;
  for (size_t i = 0; i < std::max(told.size(), expected.size()); ++i) {
    const std::string is = i < told.size() ? told[i].ToText() : "nothing";
    const std::string was =
        i < expected.size() ? expected[i].ToText() : "nothing";
    if (is != was) {
      violations.push_back(
          absl::StrCat("snapshot: told ", is, "; there was ", was));
      break;
    }
  }
  return violations;
}

}  // namespace restate::test
