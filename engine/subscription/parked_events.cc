#include "engine/subscription/parked_events.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

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
  if (emission->kind == EventKind::kPing) {
    emission->kind = older.emission().kind;
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

uint64_t ParkedEvents::Park(Event event) {
  Parked& parked = events_[KeyOf(event)];
  uint64_t replaced_ack = 0;
  if (parked.event.delivery != nullptr) {
    replaced_ack = parked.event.ack_id;
    bytes_ -= parked.event.ByteSize();
    event = Merge(parked.event, std::move(event));
  }
  bytes_ += event.ByteSize();
  parked.event = std::move(event);
  parked.number = ++last_number_;
  return replaced_ack;
}

std::vector<Event> ParkedEvents::TakeAll() {
  std::vector<Parked> all;
  all.reserve(events_.size());
  for (auto& [key, parked] : events_) all.push_back(std::move(parked));
  events_.clear();
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
  for (const auto& [key, parked] : events_) {
    const Revision revision = parked.event.emission().revision;
    if (first == 0 || revision < first) first = revision;
  }
  return first;
}

Revision ParkedEvents::last_revision() const {
  Revision last = 0;
  for (const auto& [key, parked] : events_) {
    last = std::max(last, parked.event.emission().revision);
  }
  return last;
}

int64_t ParkedEvents::coalesced() const {
  int64_t coalesced = 0;
  for (const auto& [key, parked] : events_) coalesced += parked.event.coalesced;
  return coalesced;
}

}  // namespace restate
