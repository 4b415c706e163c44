#include "service/events/event_source.h"

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "engine/error/error.h"
#include "gtest/gtest.h"
#include "restate/v1/event_service.pb.h"
#include "service/adapters/event_view.h"
#include "service/events/message_bytes.h"
#include "service/testing/fake_clock.h"
#include "service/testing/prepared_parcels.h"

namespace restate {
namespace {

class EventSourceTest : public testing::Test {
 protected:
  void Open(std::deque<Parcel> parcels,
            size_t max_message_bytes = size_t{1} << 20) {
    source_ = std::make_unique<EventSource>(
        std::make_unique<PreparedParcels>(
            std::move(parcels), MakeError(Reason::kSlowSubscriber, "too slow"),
            &asked_),
        ParcelSourceOptions{.origin = {.epoch = "epoch", .issuer = "issuer"},
                            .max_message_bytes = max_message_bytes,
                            .clock = &clock_});
  }

  Supply Next() { return source_->Next(&bytes_, &end_); }

  // The batch of the next message, which there is.
  v1::EventBatch NextBatch() {
    EXPECT_EQ(Next(), Supply::kMessage);
    return ParseBytes<v1::SubscribeResponse>(bytes_).value().batch();
  }

  FakeClock clock_;
  PreparedParcels::Asked asked_;
  std::unique_ptr<EventSource> source_;
  grpc::ByteBuffer bytes_;
  absl::Status end_;
};

SubscriptionRun RunOf(EventBatch batch) {
  SubscriptionRun run;
  run.batch = std::move(batch);
  return run;
}

TEST_F(EventSourceTest, HandsOnBatchesWaitsAndEnds) {
  EventBatch synced;
  synced.revision = 2;
  synced.synced = true;
  EventBatch events;
  events.revision = 3;
  events.resume_token = "token";
  events.events.push_back(SetEvent("x", "y"));
  Open({{.runs = {RunOf(synced)}}, {.runs = {RunOf(events)}}});

  v1::EventBatch batch = NextBatch();
  EXPECT_TRUE(batch.synced());
  EXPECT_EQ(batch.revision(), 2);
  EXPECT_EQ(batch.epoch(), "epoch");
  EXPECT_EQ(batch.events_size(), 0);

  batch = NextBatch();
  EXPECT_FALSE(batch.synced());
  EXPECT_EQ(batch.revision(), 3);
  EXPECT_EQ(batch.resume_token(), "token");
  ASSERT_EQ(batch.events_size(), 1);
  EXPECT_EQ(batch.events(0).prev_value().json().string_value(), "x");
  EXPECT_EQ(batch.events(0).new_value().json().string_value(), "y");

  EXPECT_EQ(Next(), Supply::kNothingYet);
  EXPECT_EQ(Next(), Supply::kEnd);
  EXPECT_EQ(end_.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorReason(end_), "SLOW_SUBSCRIBER");
}

TEST_F(EventSourceTest, EachRunIsAMessageAndSeenInItsView) {
  SubscriptionRun typed;
  typed.view = PackView({.encoding = v1::VALUE_ENCODING_TYPED});
  typed.batch.events.push_back(SetEvent("x", "y"));
  Open({{.runs = {typed, RunOf(typed.batch)}}});
  EXPECT_EQ(NextBatch().events(0).new_value().string_value(), "y");
  EXPECT_EQ(NextBatch().events(0).new_value().json().string_value(), "y");
  EXPECT_EQ(Next(), Supply::kNothingYet);
}

TEST_F(EventSourceTest, AnEndedSubscriptionEndsTheStreamBehindItsEvents) {
  EventBatch events;
  events.events.push_back(SetEvent("x", "y"));
  Open({{.runs = {RunOf(events)},
         .ended = {{.status = MakeError(Reason::kHistoryCompacted, "gone")}}},
        {.runs = {RunOf(events)}}});
  EXPECT_EQ(NextBatch().events_size(), 1);
  EXPECT_EQ(Next(), Supply::kEnd);
  EXPECT_EQ(ErrorReason(end_), "HISTORY_COMPACTED");
}

TEST_F(EventSourceTest, AnEventThatIsTooLargeLosesItsValuesAndSaysSo) {
  EventBatch events;
  events.revision = 3;
  events.events.push_back(
      SetEvent(std::string(40'000, 'x'), std::string(40'000, 'y')));
  Open({{.runs = {RunOf(events)}}}, 65'536);
  const v1::EventBatch batch = NextBatch();
  ASSERT_EQ(batch.events_size(), 1);
  EXPECT_FALSE(batch.events(0).has_prev_value());
  EXPECT_FALSE(batch.events(0).has_new_value());
  EXPECT_TRUE(batch.events(0).prev_omitted());
  EXPECT_TRUE(batch.events(0).new_omitted());
  EXPECT_EQ(batch.events(0).emitting_path().text(), "/a");
  EXPECT_EQ(batch.revision(), 3);
  EXPECT_LE(bytes_.Length(), 65'536u);
  EXPECT_EQ(asked_.max_bytes, 16'384u);
}

TEST_F(EventSourceTest, TellsTheTime) {
  Open({});
  EXPECT_FALSE(source_->Due(clock_.Monotonic()));
  clock_.Advance(absl::Minutes(1));
  EXPECT_TRUE(source_->Due(clock_.Monotonic()));
  EXPECT_EQ(Next(), Supply::kNothingYet);
  EXPECT_EQ(asked_.now, clock_.Monotonic());
  EXPECT_EQ(asked_.max_bytes, size_t{1} << 18);
}

}  // namespace
}  // namespace restate
