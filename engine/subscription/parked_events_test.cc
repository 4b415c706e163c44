#include "engine/subscription/parked_events.h"

#include <memory>
#include <string>
#include <vector>

#include "engine/subscription/interceptions.h"
#include "engine/value/value.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Event Change(Revision revision, std::string_view path, Tree before, Tree after,
             uint64_t ack_id = 0, EventKind kind = EventKind::kSet) {
  auto emission = std::make_shared<Emission>();
  emission->revision = revision;
  emission->kind = kind;
  emission->emitting_path = *Path::Parse(path);
  emission->prev_value = std::move(before);
  emission->new_value = std::move(after);
  emission->bytes = emission->ByteSize();
  auto delivery = std::make_shared<Delivery>();
  delivery->current_path = emission->emitting_path;
  delivery->emission = std::move(emission);
  delivery->pattern =
      std::make_shared<const PathPattern>(*PathPattern::Parse("/*"));
  Event event{.delivery = std::move(delivery)};
  event.ack_id = ack_id;
  return event;
}

Tree I(int64_t i) { return Value::Int(i); }

TEST(ParkedEvents, TheLatestStandsForAllOfItsKind) {
  ParkedEvents parked;
  EXPECT_EQ(parked.Park(Change(1, "/a", std::nullopt, I(1), 11)).replaced, 0);
  EXPECT_EQ(parked.Park(Change(2, "/b", std::nullopt, I(1))).replaced, 0);
  EXPECT_EQ(parked.Park(Change(3, "/a", I(1), I(2), 13)).replaced_acks,
            std::vector<uint64_t>{11})
      << "whose answer nobody will give";
  EXPECT_EQ(parked.Park(Change(4, "/a", I(2), I(3))).replaced_acks,
            std::vector<uint64_t>{13});
  EXPECT_EQ(parked.size(), 2u);
  EXPECT_EQ(parked.coalesced(), 2);
  EXPECT_EQ(parked.first_revision(), 1) << "that is not told on its own";
  EXPECT_EQ(parked.last_revision(), 4);
  EXPECT_EQ(parked.last_coalesced(), 4);
  EXPECT_GT(parked.bytes(), 0u);

  const std::vector<Event> events = parked.TakeAll();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].current_path().ToText(), "/b");
  EXPECT_EQ(events[0].coalesced, 0);
  EXPECT_EQ(events[1].emission().revision, 4);
  EXPECT_EQ(events[1].emission().prev_value, std::nullopt)
      << "as it was before the first";
  EXPECT_EQ(events[1].emission().new_value, I(3));
  EXPECT_EQ(events[1].coalesced, 2);
  EXPECT_TRUE(parked.empty());
  EXPECT_EQ(parked.bytes(), 0u);
}

TEST(ParkedEvents, APingHidesNoWrite) {
  ParkedEvents parked;
  parked.Park(Change(1, "/a", I(1), I(2)));
  parked.Park(Change(2, "/a", I(2), I(2), 0, EventKind::kPing));
  const std::vector<Event> events = parked.TakeAll();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].emission().kind, EventKind::kSet);
  EXPECT_EQ(events[0].emission().prev_value, I(1));
  EXPECT_EQ(events[0].emission().new_value, I(2));
}

TEST(ParkedEvents, APingBehindAWriteSaysWhatIsThere) {
  ParkedEvents parked;
  parked.Park(Change(1, "/a", I(1), I(2)));
  // A deletion further up was told elsewhere.
  parked.Park(Change(3, "/a", std::nullopt, std::nullopt, 0, EventKind::kPing));
  const std::vector<Event> events = parked.TakeAll();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].emission().kind, EventKind::kDelete);
  EXPECT_EQ(events[0].emission().prev_value, I(1));
  EXPECT_EQ(events[0].emission().new_value, std::nullopt);
}

// One that an interceptor may still stop must not take others with it.
class ParkedBehindAGate : public testing::Test {
 protected:
  ParkedBehindAGate()
      : interceptions_(InterceptionLimits(),
                       [this](std::shared_ptr<BubbleGate> gate, size_t level,
                              const Path&) {
                         interceptions_.StopRecorded(gate, level);
                       }) {}

  // A change that waits for the answer to `*ack_id`.
  Event Gated(Revision revision, Tree before, Tree after, uint64_t* ack_id) {
    Event event = Change(revision, "/a", std::move(before), std::move(after));
    event.gate = std::make_shared<BubbleGate>(revision, 0);
    event.gate_level = 1;
    *ack_id = interceptions_.AddInterceptor(event.gate, *Path::Parse("/a/b"), 1);
    interceptions_.Open(event.gate, absl::ZeroDuration());
    return event;
  }
  void Answer(uint64_t ack_id, bool stop) {
    EXPECT_TRUE(interceptions_.Take({{ack_id, stop}}, absl::ZeroDuration())
                    .empty());
  }

  Interceptions interceptions_;
  ParkedEvents parked_;
};

TEST_F(ParkedBehindAGate, AStopTakesNothingWithIt) {
  uint64_t ack_id = 0;
  parked_.Park(Change(1, "/a", std::nullopt, I(1)));
  parked_.Park(Gated(2, I(1), I(2), &ack_id));
  EXPECT_EQ(parked_.Park(Change(3, "/a", I(2), I(3))).replaced, 0);
  EXPECT_EQ(parked_.size(), 3u);
  Answer(ack_id, true);
  // The first and the third are one now, and so is the fourth.
  EXPECT_EQ(parked_.Park(Change(4, "/a", I(3), I(4))).replaced, 2);
  EXPECT_EQ(parked_.size(), 1u);
  const std::vector<Event> events = parked_.TakeAll();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].coalesced, 2);
  EXPECT_EQ(events[0].emission().prev_value, std::nullopt);
  EXPECT_EQ(events[0].emission().new_value, I(4));
  EXPECT_EQ(parked_.bytes(), 0u);
}

TEST_F(ParkedBehindAGate, WhatWasLetPassIsCoalesced) {
  uint64_t ack_id = 0;
  parked_.Park(Change(1, "/a", std::nullopt, I(1)));
  parked_.Park(Gated(2, I(1), I(2), &ack_id));
  Answer(ack_id, false);
  EXPECT_EQ(parked_.Park(Change(3, "/a", I(2), I(3))).replaced, 2);
  const std::vector<Event> events = parked_.TakeAll();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].coalesced, 2);
  EXPECT_EQ(events[0].gate, nullptr);
}

TEST_F(ParkedBehindAGate, WhatIsNotDecidedWaitsInItsPlace) {
  uint64_t ack_id = 0;
  parked_.Park(Change(1, "/a", std::nullopt, I(1)));
  parked_.Park(Gated(2, I(1), I(2), &ack_id));
  parked_.Park(Change(3, "/a", I(2), I(3)));
  EXPECT_EQ(parked_.Park(Change(4, "/a", I(3), I(4))).replaced, 1);
  EXPECT_EQ(parked_.first_revision(), 1);
  EXPECT_EQ(parked_.last_revision(), 4);
  const std::vector<Event> events = parked_.TakeAll();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].emission().revision, 1);
  EXPECT_EQ(events[1].emission().revision, 2);
  EXPECT_NE(events[1].gate, nullptr);
  EXPECT_EQ(events[2].emission().revision, 4);
  EXPECT_EQ(events[2].emission().prev_value, I(2));
}

}  // namespace
}  // namespace restate
