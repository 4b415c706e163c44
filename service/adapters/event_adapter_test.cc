#include "service/adapters/event_adapter.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/subscription/ack_token.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

const StreamOrigin kOrigin{.epoch = "e", .issuer = "i"};

Emission ExampleEmission() {
  Emission emission;
  emission.revision = 5;
  emission.index = 1;
  emission.kind = EventKind::kSet;
  emission.emitting_path = Path::Parse("/users/1").value();
  emission.prev_value = Value::Int(1);
  emission.new_value = Value::Int(2);
  emission.payload = Value::String("p");
  emission.commit_time = absl::FromUnixNanos(1'500'000'000);
  return emission;
}

// The emission as it is told at /users to "/*".
std::shared_ptr<const Delivery> DeliveryOf(Emission emission) {
  auto delivery = std::make_shared<Delivery>();
  delivery->emission = std::make_shared<const Emission>(std::move(emission));
  delivery->current_path = Path::Parse("/users").value();
  delivery->pattern =
      std::make_shared<const PathPattern>(PathPattern::Parse("/*").value());
  return delivery;
}

v1::Event Encode(Emission emission, const EventView& view = {}) {
  v1::Event proto;
  EncodeDelivery(*DeliveryOf(std::move(emission)), view, &proto);
  return proto;
}

template <typename Proto>
std::string Json(const Proto& proto) {
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(proto, &json).ok());
  return json;
}

TEST(EncodeBatchTest, ReadsWell) {
  EventBatch batch;
  Event event;
  event.delivery = DeliveryOf(ExampleEmission());
  batch.events.push_back(event);
  event.ack_id = 10;
  event.coalesced = 3;
  batch.events.push_back(event);
  batch.revision = 5;
  batch.resume_token = "t";
  batch.synced = true;
  const Path users = Path::Parse("/users").value();
  batch.reset =
      EventReset{.path = users, .revision = 4, .epoch_changed = true};
  batch.reset_done = users;
  batch.gap =
      EventGap{.after = 2, .through = 4, .events = 7, .path = users};
  v1::EventBatch proto;
  EncodeBatch(batch, kOrigin, EventView(), &proto);
  const std::string fields =
      R"({"revision":"5","index":1,"kind":"EVENT_KIND_SET",)"
      R"("emittingPath":{"text":"/users/1"},"currentPath":{"text":"/users"},)"
      R"("pattern":{"text":"/*"},"prevValue":{"json":1},)"
      R"("newValue":{"json":2},"payload":{"json":"p"},)"
      R"("commitTime":"1970-01-01T00:00:01.500Z",)"
      R"("origin":{"kind":"KIND_CLIENT"})";
  EXPECT_EQ(Json(proto), R"({"events":[)" + fields + "}," + fields +
                             R"(,"ackToken":")" + EncodeAckToken("i", 10) +
                             R"(","coalesced":"3"}],)"
                             R"("revision":"5","epoch":"e",)"
                             R"("resumeToken":"t","synced":true,)"
                             R"("reset":{"path":{"text":"/users"},)"
                             R"("revision":"4","epochChanged":true},)"
                             R"("gap":{"afterRevision":"2",)"
                             R"("throughRevision":"4","events":"7",)"
                             R"("path":{"text":"/users"}},)"
                             R"("resetDone":{"path":{"text":"/users"}}})");
}

TEST(EncodeBatchTest, EmptyBatchesCarryProgress) {
  EventBatch batch;
  batch.revision = 9;
  v1::EventBatch proto;
  EncodeBatch(batch, kOrigin, EventView(), &proto);
  EXPECT_EQ(Json(proto), R"({"revision":"9","epoch":"e"})");
}

TEST(EncodeDeliveryTest, ValuesAsAskedFor) {
  Emission emission = ExampleEmission();
  emission.prev_value.reset();
  emission.prev_omitted = true;
  emission.new_value.reset();
  emission.new_omitted = true;

  const v1::Event both = Encode(emission);
  EXPECT_FALSE(both.has_prev_value());
  EXPECT_TRUE(both.prev_omitted());
  EXPECT_TRUE(both.new_omitted());

  const v1::Event only_new =
      Encode(ExampleEmission(), {.values = v1::EVENT_VALUES_NEW,
                                 .encoding = v1::VALUE_ENCODING_TYPED});
  EXPECT_FALSE(only_new.has_prev_value());
  EXPECT_EQ(only_new.new_value().int_value(), 2);
  EXPECT_EQ(only_new.payload().string_value(), "p");

  const v1::Event none = Encode(emission, {.values = v1::EVENT_VALUES_NONE});
  EXPECT_FALSE(none.has_prev_value());
  EXPECT_FALSE(none.has_new_value());
  EXPECT_FALSE(none.prev_omitted());
  EXPECT_FALSE(none.new_omitted());
  EXPECT_TRUE(none.has_payload());
}

TEST(EncodeDeliveryTest, ValuesOverTheBoundAreLeftOutAndFlagged) {
  Emission emission = ExampleEmission();
  emission.prev_value = Value::String(std::string(500, 'x'));
  const EventView view{.max_value_bytes = 400};
  EXPECT_TRUE(LosesValues(emission, view));
  const v1::Event bounded = Encode(emission, view);
  EXPECT_FALSE(bounded.has_prev_value());
  EXPECT_TRUE(bounded.prev_omitted());
  EXPECT_EQ(bounded.new_value().json().number_value(), 2);
  EXPECT_FALSE(bounded.new_omitted());

  EXPECT_FALSE(LosesValues(emission, EventView()));
  EXPECT_FALSE(LosesValues(emission, {.max_value_bytes = 10'000}));
  // A value that is not shown is not lost.
  EXPECT_FALSE(LosesValues(emission, {.values = v1::EVENT_VALUES_NEW,
                                      .max_value_bytes = 400}));
  std::swap(emission.prev_value, emission.new_value);
  EXPECT_TRUE(LosesValues(emission, {.values = v1::EVENT_VALUES_NEW,
                                     .max_value_bytes = 400}));
  EXPECT_FALSE(LosesValues(emission, {.values = v1::EVENT_VALUES_NONE,
                                      .max_value_bytes = 400}));
}

TEST(EncodeDeliveryTest, KindsAndOrigins) {
  const std::vector<std::pair<EventKind, v1::EventKind>> kinds = {
      {EventKind::kSet, v1::EVENT_KIND_SET},
      {EventKind::kDelete, v1::EVENT_KIND_DELETE},
      {EventKind::kPing, v1::EVENT_KIND_PING},
      {EventKind::kInitial, v1::EVENT_KIND_INITIAL}};
  for (const auto& [kind, expected] : kinds) {
    Emission emission = ExampleEmission();
    emission.kind = kind;
    const v1::Event proto = Encode(emission);
    EXPECT_EQ(proto.kind(), expected);
    EXPECT_EQ(proto.has_commit_time(), kind != EventKind::kInitial);
    EXPECT_EQ(proto.has_origin(), kind != EventKind::kInitial);
  }
  const std::vector<std::pair<OriginKind, v1::Origin::Kind>> origins = {
      {OriginKind::kClient, v1::Origin::KIND_CLIENT},
      {OriginKind::kMount, v1::Origin::KIND_MOUNT},
      {OriginKind::kExpired, v1::Origin::KIND_EXPIRED}};
  for (const auto& [origin, expected] : origins) {
    Emission emission = ExampleEmission();
    emission.origin = origin;
    EXPECT_EQ(Encode(emission).origin().kind(), expected);
  }
}

TEST(OmitValuesTest, TakesTheLargestAndNoMoreThanNeeded) {
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
