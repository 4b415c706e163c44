#include "service/events/session_source.h"

#include <deque>
#include <memory>
#include <optional>
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

using Response = v1::OpenSessionResponse;

class SessionSourceTest : public testing::Test {
 protected:
  void Open(std::deque<Parcel> parcels,
            size_t max_message_bytes = size_t{1} << 20) {
    OpenedSession opened;
    opened.session_id = "session";
    opened.resumed = true;
    opened.revision = 9;
    opened.stream = std::make_unique<PreparedParcels>(
        std::move(parcels), MakeError(Reason::kSessionTaken, "taken"));
    source_ = std::make_unique<SessionSource>(
        std::move(opened), absl::Seconds(60),
        ParcelSourceOptions{.origin = {.epoch = "epoch", .issuer = "issuer"},
                            .max_message_bytes = max_message_bytes,
                            .clock = &clock_},
        [](const TransformCall&) { return std::nullopt; });
  }

  Supply TryNext() { return source_->Next(&bytes_, &end_); }

  // The next message, which there is.
  Response Next() {
    EXPECT_EQ(TryNext(), Supply::kMessage);
    return ParseBytes<Response>(bytes_).value();
  }

  FakeClock clock_;
  std::unique_ptr<SessionSource> source_;
  grpc::ByteBuffer bytes_;
  absl::Status end_;
};

SubscriptionRun RunOf(int64_t id, std::string callback_id, Event event) {
  SubscriptionRun run;
  run.subscription_id = id;
  run.callback_id = std::move(callback_id);
  run.batch.revision = 3;
  run.batch.resume_token = "t" + std::to_string(id);
  run.batch.events.push_back(std::move(event));
  return run;
}

TEST_F(SessionSourceTest, BeginsWithOpened) {
  Open({});
  const Response response = Next();
  EXPECT_EQ(response.opened().session_id(), "session");
  EXPECT_TRUE(response.opened().resumed());
  EXPECT_EQ(response.opened().grace().seconds(), 60);
  EXPECT_EQ(response.opened().revision(), 9);
  EXPECT_EQ(response.opened().epoch(), "epoch");
  EXPECT_EQ(TryNext(), Supply::kNothingYet);
  EXPECT_EQ(TryNext(), Supply::kEnd);
  EXPECT_EQ(ErrorReason(end_), "SESSION_TAKEN");
}

TEST_F(SessionSourceTest, TellsEventsThenMarkersThenEnds) {
  SubscriptionRun typed = RunOf(2, "two", SetEvent("x", "z"));
  typed.view = PackView({.encoding = v1::VALUE_ENCODING_TYPED});
  Parcel parcel;
  parcel.runs = {RunOf(1, "one", SetEvent("x", "y")), typed};
  parcel.syncs = {{.revision = 3, .sync_id = 7}, {.revision = 4, .sync_id = 8}};
  parcel.ended = {{.subscription_id = 2,
                   .callback_id = "two",
                   .status = MakeError(Reason::kSlowSubscriber, "too slow")}};
  Open({parcel});
  EXPECT_TRUE(Next().has_opened());

  const Response events = Next();
  ASSERT_EQ(events.events().runs_size(), 2);
  const v1::CallbackEvents& one = events.events().runs(0);
  EXPECT_EQ(one.callback_id(), "one");
  EXPECT_EQ(one.subscription_id(), 1);
  EXPECT_EQ(one.batch().revision(), 3);
  EXPECT_EQ(one.batch().epoch(), "epoch");
  EXPECT_EQ(one.batch().resume_token(), "t1");
  ASSERT_EQ(one.batch().events_size(), 1);
  EXPECT_EQ(one.batch().events(0).new_value().json().string_value(), "y");
  const v1::CallbackEvents& two = events.events().runs(1);
  EXPECT_EQ(two.callback_id(), "two");
  EXPECT_EQ(two.subscription_id(), 2);
  EXPECT_EQ(two.batch().events(0).new_value().string_value(), "z");

  for (const auto& [revision, sync_id] : {std::pair(3, 7), std::pair(4, 8)}) {
    const Response sync = Next();
    EXPECT_EQ(sync.sync().revision(), revision);
    EXPECT_EQ(sync.sync().sync_id(), sync_id);
  }

  const Response ended = Next();
  EXPECT_EQ(ended.ended().callback_id(), "two");
  EXPECT_EQ(ended.ended().subscription_id(), 2);
  EXPECT_EQ(ended.ended().status().code(), 8);
  EXPECT_EQ(ended.ended().status().message(), "too slow");
  EXPECT_EQ(TryNext(), Supply::kNothingYet);
}

TEST_F(SessionSourceTest, RunsThatDoNotFitTogetherAreSentApart) {
  Parcel parcel;
  for (int i = 1; i <= 3; ++i) {
    parcel.runs.push_back(
        RunOf(i, "c", SetEvent(std::string(25'000, 'x'), "y")));
  }
  parcel.runs.push_back(RunOf(
      4, "c",
      SetEvent(std::string(40'000, 'x'), std::string(40'000, 'y'))));
  Open({parcel}, 65'536);
  EXPECT_TRUE(Next().has_opened());
  const Response first = Next();
  EXPECT_EQ(first.events().runs_size(), 2);
  EXPECT_LE(bytes_.Length(), 65'536u);
  const Response second = Next();
  ASSERT_EQ(second.events().runs_size(), 2);
  EXPECT_EQ(second.events().runs(0).subscription_id(), 3);
  EXPECT_FALSE(second.events().runs(0).batch().events(0).prev_omitted());
  // This one would not fit by itself either.
  EXPECT_EQ(second.events().runs(1).subscription_id(), 4);
  EXPECT_TRUE(second.events().runs(1).batch().events(0).new_omitted());
  EXPECT_EQ(TryNext(), Supply::kNothingYet);
}

TEST_F(SessionSourceTest, OnlyMarkers) {
  Parcel parcel;
  parcel.syncs = {{.revision = 5, .sync_id = 1}};
  Open({parcel});
  EXPECT_TRUE(Next().has_opened());
  EXPECT_EQ(Next().sync().sync_id(), 1);
  EXPECT_EQ(TryNext(), Supply::kNothingYet);
}

}  // namespace
}  // namespace restate
