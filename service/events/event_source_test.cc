#include "service/events/event_source.h"

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

// Hands over prepared batches, and then an end.
class PreparedStream final : public EventStream {
 public:
  explicit PreparedStream(std::deque<EventBatch> batches)
      : batches_(std::move(batches)) {}
  absl::StatusOr<bool> Take(size_t max_bytes, size_t max_events,
                            EventBatch* batch) override {
    if (batches_.empty()) {
      if (std::exchange(waited_, true)) {
        return MakeError(Reason::kSlowSubscriber, "too slow");
      }
      return false;
    }
    *batch = std::move(batches_.front());
    batches_.pop_front();
    return true;
  }

 private:
  std::deque<EventBatch> batches_;
  bool waited_ = false;
};

// A SET of a string at /a, delivered there.
Event SetEvent(std::string prev, std::string next) {
  auto emission = std::make_shared<Emission>();
  emission->revision = 3;
  emission->emitting_path = Path().Child("a");
  emission->prev_value = Value::String(std::move(prev));
  emission->new_value = Value::String(std::move(next));
  Event event;
  event.current_path = emission->emitting_path;
  event.emission = std::move(emission);
  event.pattern = std::make_shared<PathPattern>(*PathPattern::Parse("/*"));
  return event;
}

std::unique_ptr<EventSource> SourceOf(std::deque<EventBatch> batches,
                                      size_t max_message_bytes) {
  return std::make_unique<EventSource>(
      std::make_unique<PreparedStream>(std::move(batches)), "epoch",
      EventView(), max_message_bytes);
}

TEST(EventSource, HandsOnBatchesWaitsAndEnds) {
  EventBatch synced;
  synced.revision = 2;
  synced.synced = true;
  EventBatch events;
  events.revision = 3;
  events.events.push_back(SetEvent("x", "y"));
  auto source = SourceOf({synced, events}, size_t{1} << 20);

  v1::SubscribeResponse message;
  absl::Status end;
  ASSERT_EQ(source->Next(&message, &end), Supply::kMessage);
  EXPECT_TRUE(message.batch().synced());
  EXPECT_EQ(message.batch().revision(), 2);
  EXPECT_EQ(message.batch().epoch(), "epoch");
  EXPECT_EQ(message.batch().events_size(), 0);

  ASSERT_EQ(source->Next(&message, &end), Supply::kMessage);
  EXPECT_FALSE(message.batch().synced());
  EXPECT_EQ(message.batch().revision(), 3);
  ASSERT_EQ(message.batch().events_size(), 1);
  EXPECT_EQ(message.batch().events(0).prev_value().json().string_value(), "x");
  EXPECT_EQ(message.batch().events(0).new_value().json().string_value(), "y");

  EXPECT_EQ(source->Next(&message, &end), Supply::kNothingYet);
  EXPECT_EQ(source->Next(&message, &end), Supply::kEnd);
  EXPECT_EQ(end.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorReason(end), "SLOW_SUBSCRIBER");
}

TEST(EventSource, AnEventThatIsTooLargeLosesItsValuesAndSaysSo) {
  EventBatch batch;
  batch.revision = 3;
  batch.events.push_back(
      SetEvent(std::string(40'000, 'x'), std::string(40'000, 'y')));
  auto source = SourceOf({batch}, 65'536);
  v1::SubscribeResponse message;
  absl::Status end;
  ASSERT_EQ(source->Next(&message, &end), Supply::kMessage);
  const v1::Event& event = message.batch().events(0);
  EXPECT_FALSE(event.has_prev_value());
  EXPECT_FALSE(event.has_new_value());
  EXPECT_TRUE(event.prev_omitted());
  EXPECT_TRUE(event.new_omitted());
  EXPECT_EQ(event.emitting_path().text(), "/a");
  EXPECT_EQ(message.batch().revision(), 3);
}

TEST(OmitValues, TakesTheLargestAndNoMoreThanNeeded) {
  v1::EventBatch batch;
  for (size_t size : {10, 1000, 100}) {
    batch.add_events()->mutable_new_value()->mutable_json()->set_string_value(
        std::string(size, 'x'));
  }
  OmitValues(500, &batch);
  EXPECT_TRUE(batch.events(0).has_new_value());
  EXPECT_FALSE(batch.events(1).has_new_value());
  EXPECT_TRUE(batch.events(1).new_omitted());
  EXPECT_FALSE(batch.events(1).prev_omitted());
  EXPECT_TRUE(batch.events(2).has_new_value());
}

}  // namespace
}  // namespace restate
