#include "service/adapters/event_adapter.h"

#include <memory>
#include <string>
#include <vector>

#include "engine/error/error.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<SubscriptionSpec> Subscribe(const std::string& json,
                                           const RequestLimits& limits = {}) {
  v1::SubscribeRequest proto;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &proto);
  EXPECT_TRUE(status.ok()) << json << " " << status.ToString();
  return DecodeSubscribe(proto, limits);
}

void ExpectError(const absl::Status& status, Reason reason,
                 std::string_view text) {
  EXPECT_EQ(status.code(), CodeOf(reason)) << status;
  EXPECT_EQ(ErrorReason(status), ReasonName(reason)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(text)));
}

TEST(DecodeSubscribeTest, AllFields) {
  const SubscriptionSpec spec =
      Subscribe(R"({"patterns": [{"text": "users/*/name"}, {"text": "/"}],
                    "snapshot": {}, "scope": "SUBSCRIBE_SCOPE_EXACT",
                    "kinds": ["EVENT_KIND_PING", "EVENT_KIND_SET"],
                    "epoch": "e"})")
          .value();
  ASSERT_EQ(spec.patterns.size(), 2u);
  EXPECT_EQ(spec.patterns[0].ToText(), "/");
  EXPECT_EQ(spec.patterns[1].ToText(), "/users/*/name");
  EXPECT_TRUE(spec.snapshot);
  EXPECT_TRUE(spec.exact);
  EXPECT_THAT(spec.kinds, ElementsAre(EventKind::kSet, EventKind::kPing));
  EXPECT_EQ(spec.epoch, "e");
}

TEST(DecodeSubscribeTest, Defaults) {
  const SubscriptionSpec spec = Subscribe(R"({"patterns": [{}]})").value();
  ASSERT_EQ(spec.patterns.size(), 1u);
  EXPECT_EQ(spec.patterns[0], PathPattern());
  EXPECT_FALSE(spec.snapshot);
  EXPECT_FALSE(spec.exact);
  EXPECT_TRUE(spec.kinds.empty());
  EXPECT_FALSE(Subscribe(R"({"patterns": [{}], "now": {}})")->snapshot);
}

TEST(DecodeSubscribeTest, TheSamePatternCountsOnce) {
  EXPECT_EQ(Subscribe(R"({"patterns": [{"text": "/a"}, {"text": "a/"}]})")
                ->patterns.size(),
            1u);
}

TEST(DecodeSubscribeTest, Errors) {
  ExpectError(Subscribe("{}").status(), Reason::kInvalidRequest,
              "patterns is empty");
  const absl::Status bad =
      Subscribe(R"({"patterns": [{"text": "/a"}, {"text": "/a/.."}]})")
          .status();
  ExpectError(bad, Reason::kInvalidPath, "pattern 1: segment \"..\"");
  EXPECT_EQ(ErrorMetadata(bad).at("pattern"), "1");
  RequestLimits limits;
  limits.max_patterns = 1;
  ExpectError(
      Subscribe(R"({"patterns": [{"text": "/a"}, {"text": "/b"}]})", limits)
          .status(),
      Reason::kTooManyPatterns, "2 patterns; at most 1");
}

TEST(DecodeSubscribeTest, UnknownEnumNumbersAreRefused) {
  ExpectError(Subscribe(R"({"patterns": [{}], "values": 9})").status(),
              Reason::kInvalidRequest, "values is 9");
  ExpectError(Subscribe(R"({"patterns": [{}], "encoding": 9})").status(),
              Reason::kInvalidRequest, "encoding is 9");
  ExpectError(Subscribe(R"({"patterns": [{}], "scope": 9})").status(),
              Reason::kInvalidRequest, "scope is 9");
  ExpectError(Subscribe(R"({"patterns": [{}], "kinds": [1, 9]})").status(),
              Reason::kInvalidRequest, "kinds[1] is 9");
  ExpectError(Subscribe(R"({"patterns": [{}], "kinds": [0]})").status(),
              Reason::kInvalidRequest, "kinds[0] is 0");
}

TEST(ViewOfTest, ResolvesDefaults) {
  v1::SubscribeRequest request;
  EXPECT_EQ(ViewOf(request),
            (EventView{v1::EVENT_VALUES_BOTH, v1::VALUE_ENCODING_JSON}));
  request.set_values(v1::EVENT_VALUES_NEW);
  request.set_encoding(v1::VALUE_ENCODING_TYPED);
  EXPECT_EQ(ViewOf(request),
            (EventView{v1::EVENT_VALUES_NEW, v1::VALUE_ENCODING_TYPED}));
}

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

Event EventOf(Emission emission, std::string_view current,
              std::string_view pattern) {
  Event event;
  event.emission = std::make_shared<const Emission>(std::move(emission));
  event.current_path = Path::Parse(current).value();
  event.pattern =
      std::make_shared<const PathPattern>(PathPattern::Parse(pattern).value());
  return event;
}

template <typename Proto>
std::string Json(const Proto& proto) {
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(proto, &json).ok());
  return json;
}

TEST(EncodeBatchTest, ReadsWell) {
  EventBatch batch;
  batch.events.push_back(EventOf(ExampleEmission(), "/users", "/*"));
  batch.revision = 5;
  batch.synced = true;
  v1::EventBatch proto;
  EncodeBatch(batch, "e", EventView(), &proto);
  EXPECT_EQ(
      Json(proto),
      R"({"events":[{"revision":"5","index":1,"kind":"EVENT_KIND_SET",)"
      R"("emittingPath":{"text":"/users/1"},"currentPath":{"text":"/users"},)"
      R"("pattern":{"text":"/*"},"prevValue":{"json":1},)"
      R"("newValue":{"json":2},"payload":{"json":"p"},)"
      R"("commitTime":"1970-01-01T00:00:01.500Z",)"
      R"("origin":{"kind":"KIND_CLIENT"}}],)"
      R"("revision":"5","epoch":"e","synced":true})");
}

TEST(EncodeBatchTest, EmptyBatchesCarryProgress) {
  EventBatch batch;
  batch.revision = 9;
  v1::EventBatch proto;
  EncodeBatch(batch, "e", EventView(), &proto);
  EXPECT_EQ(Json(proto), R"({"revision":"9","epoch":"e"})");
}

TEST(EncodeEmissionTest, ValuesAsAskedFor) {
  Emission emission = ExampleEmission();
  emission.prev_value.reset();
  emission.prev_omitted = true;
  emission.new_value.reset();
  emission.new_omitted = true;

  v1::Event both;
  EncodeEmission(emission, {v1::EVENT_VALUES_BOTH, v1::VALUE_ENCODING_JSON},
                 &both);
  EXPECT_FALSE(both.has_prev_value());
  EXPECT_TRUE(both.prev_omitted());
  EXPECT_TRUE(both.new_omitted());

  v1::Event only_new;
  EncodeEmission(ExampleEmission(),
                 {v1::EVENT_VALUES_NEW, v1::VALUE_ENCODING_TYPED}, &only_new);
  EXPECT_FALSE(only_new.has_prev_value());
  EXPECT_EQ(only_new.new_value().int_value(), 2);
  EXPECT_EQ(only_new.payload().string_value(), "p");

  v1::Event none;
  EncodeEmission(emission, {v1::EVENT_VALUES_NONE, v1::VALUE_ENCODING_JSON},
                 &none);
  EXPECT_FALSE(none.has_prev_value());
  EXPECT_FALSE(none.has_new_value());
  EXPECT_FALSE(none.prev_omitted());
  EXPECT_FALSE(none.new_omitted());
  EXPECT_TRUE(none.has_payload());
}

TEST(EncodeEmissionTest, KindsAndOrigins) {
  const std::vector<std::pair<EventKind, v1::EventKind>> kinds = {
      {EventKind::kSet, v1::EVENT_KIND_SET},
      {EventKind::kDelete, v1::EVENT_KIND_DELETE},
      {EventKind::kPing, v1::EVENT_KIND_PING},
      {EventKind::kInitial, v1::EVENT_KIND_INITIAL}};
  for (const auto& [kind, expected] : kinds) {
    Emission emission = ExampleEmission();
    emission.kind = kind;
    emission.origin = OriginKind::kMount;
    v1::Event proto;
    EncodeEmission(emission, EventView(), &proto);
    EXPECT_EQ(proto.kind(), expected);
    EXPECT_EQ(proto.origin().kind(), v1::Origin::KIND_MOUNT);
  }
}

// What lets streams share the bytes of an emission.
TEST(EncodeEmissionTest, BytesOfTheTwoPartsMakeTheEvent) {
  const Event event = EventOf(ExampleEmission(), "/users", "/*");
  v1::Event emission;
  EncodeEmission(*event.emission, EventView(), &emission);
  v1::Event delivery;
  EncodeDelivery(event, &delivery);
  v1::Event joined;
  ASSERT_TRUE(joined.ParseFromString(emission.SerializeAsString() +
                                     delivery.SerializeAsString()));
  EventBatch batch;
  batch.events.push_back(event);
  v1::EventBatch whole;
  EncodeBatch(batch, "e", EventView(), &whole);
  EXPECT_EQ(Json(joined), Json(whole.events(0)));
}

TEST(EncodeEmissionTest, TimesBeforeTheEpochAreNormalized) {
  Emission emission = ExampleEmission();
  emission.commit_time = absl::FromUnixMillis(-250);
  v1::Event proto;
  EncodeEmission(emission, EventView(), &proto);
  EXPECT_EQ(proto.commit_time().seconds(), -1);
  EXPECT_EQ(proto.commit_time().nanos(), 750'000'000);
}

}  // namespace
}  // namespace restate
