#include "engine/subscription/parked_events.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/subscription/bubble_gate.h"

namespace restate {
namespace {

// What an event is superseded by. Keys of paths end in NUL or are empty, and no
// segment begins with \xff, which is not UTF-8.
std::string KeyOf(const Event& event) {
  return absl::StrCat(event.emission().emitting_path.key(), "\xff",
                      event.current_path().key(), "\xff",
                      event.pattern().key());
}

// `newer`, reaching back to where `older` began.
Event Merge(const Event& older, Event newer) {
  auto emission = std::make_shared<Emission>(newer.emission());
  emission->prev_value = older.emission().prev_value;
  emission->prev_omitted = older.emission().prev_omitted;
  // A ping shows what is there, and must not hide that it was written.
  if (emission->kind == EventKind::kPing &&
      older.emission().kind != EventKind::kPing) {
    const bool there =
        emission->new_value.has_value() || emission->new_omitted;
    emission->kind = there ? EventKind::kSet : EventKind::kDelete;
  }
  emission->bytes = emission->ByteSize();
  auto delivery = std::make_shared<Delivery>();
  delivery->emission = std::move(emission);
  delivery->current_path = newer.current_path();
  delivery->pattern = newer.delivery->pattern;
  newer.delivery = std::move(delivery);
  newer.coalesced += older.coalesced + 1;
  return newer;
}

}  // namespace

ParkedEvents::Outcome ParkedEvents::Park(Event event) {
  Outcome outcome;
  Series& series = events_[KeyOf(event)];
  const Revision revision = event.emission().revision;
  bytes_ += event.ByteSize();
  ++size_;
  series.push_back(Parked{std::move(event), revision, ++last_number_});
  Settle(&series, &outcome);
  return outcome;
}

void ParkedEvents::Settle(Series* series, Outcome* outcome) {
  Series settled;
  for (Parked& parked : *series) {
    Event& event = parked.event;
    if (event.gate != nullptr) {
      switch (event.gate->VerdictAt(event.gate_level)) {
        case BubbleGate::Verdict::kWait:
          break;
        case BubbleGate::Verdict::kPass:
          event.gate.reset();
          break;
        case BubbleGate::Verdict::kStopped:
          bytes_ -= event.ByteSize();
          --size_;
          continue;
      }
    }
    if (settled.empty() || event.gate != nullptr ||
        settled.back().event.gate != nullptr) {
      settled.push_back(std::move(parked));
      continue;
    }
    Parked& older = settled.back();
    ++outcome->replaced;
    if (older.event.ack_id != 0) {
      outcome->replaced_acks.push_back(older.event.ack_id);
    }
    bytes_ -= older.event.ByteSize() + event.ByteSize();
    --size_;
    older.event = Merge(older.event, std::move(event));
    older.number = parked.number;
    bytes_ += older.event.ByteSize();
  }
  *series = std::move(settled);
}

std::vector<Event> ParkedEvents::TakeAll() {
  std::vector<Parked> all;
  all.reserve(size_);
  for (auto& [key, series] : events_) {
    for (Parked& parked : series) all.push_back(std::move(parked));
  }
  events_.clear();
  size_ = 0;
  bytes_ = 0;
  std::sort(all.begin(), all.end(), [](const Parked& a, const Parked& b) {
    return a.number < b.number;
  });
  std::vector<Event> events;
  events.reserve(all.size());
  for (Parked& parked : all) events.push_back(std::move(parked.event));
  return events;
}

Revision ParkedEvents::first_revision() const {
  Revision first = 0;
  for (const auto& [key, series] : events_) {
    // The series is in order.
    if (series.empty()) continue;
    const Revision revision = series.front().first_revision;
    if (first == 0 || revision < first) first = revision;
  }
  return first;
}

Revision ParkedEvents::last_revision() const {
  Revision last = 0;
  for (const auto& [key, series] : events_) {
    if (series.empty()) continue;
    last = std::max(last, series.back().event.emission().revision);
  }
  return last;
}

Revision ParkedEvents::last_coalesced() const {
  Revision last = 0;
  for (const auto& [key, series] : events_) {
    for (const Parked& parked : series) {
      if (parked.event.coalesced == 0) continue;
      last = std::max(last, parked.event.emission().revision);
    }
  }
  return last;
}

int64_t ParkedEvents::coalesced() const {
  int64_t coalesced = 0;
  for (const auto& [key, series] : events_) {
    for (const Parked& parked : series) coalesced += parked.event.coalesced;
  }
  return coalesced;
}

}  // namespace restate
