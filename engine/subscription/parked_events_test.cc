#include "engine/subscription/parked_events.h"

#include <memory>
#include <string>

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
  EXPECT_EQ(parked.Park(Change(1, "/a", std::nullopt, I(1), 11)), 0u);
  EXPECT_EQ(parked.Park(Change(2, "/b", std::nullopt, I(1))), 0u);
  EXPECT_EQ(parked.Park(Change(3, "/a", I(1), I(2), 13)), 11u)
      << "whose answer nobody will give";
  EXPECT_EQ(parked.Park(Change(4, "/a", I(2), I(3))), 13u);
  EXPECT_EQ(parked.size(), 2u);
  EXPECT_EQ(parked.coalesced(), 2);
  EXPECT_EQ(parked.first_revision(), 2);
  EXPECT_EQ(parked.last_revision(), 4);
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

}  // namespace
}  // namespace restate
