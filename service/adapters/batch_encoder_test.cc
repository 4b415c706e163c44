#include "service/adapters/batch_encoder.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/path/path.h"
#include "engine/path/pattern.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "restate/v1/event.pb.h"
#include "service/adapters/wire_format.h"

namespace restate {
namespace {

const StreamOrigin kOrigin{.epoch = "epoch", .issuer = "issuer"};

constexpr size_t kNoBound = SIZE_MAX;

std::string Bytes(const BatchEncoder& encoder) {
  std::string bytes(encoder.size(), '\xFF');
  auto* const begin = reinterpret_cast<uint8_t*>(bytes.data());
  EXPECT_EQ(encoder.Write(begin), begin + bytes.size());
  return bytes;
}

// What EncodeBatch gives and what `encoder` wrote, compared as messages: the
// fields of maps have no order.
void ExpectSame(const std::string& bytes, const EventBatch& batch,
                const EventView& view) {
  v1::EventBatch parsed;
  ASSERT_TRUE(parsed.ParseFromString(bytes));
  v1::EventBatch expected;
  EncodeBatch(batch, kOrigin, view, &expected);
  ASSERT_TRUE(
      google::protobuf::util::MessageDifferencer::Equals(parsed, expected))
      << parsed.ShortDebugString() << "\n"
      << expected.ShortDebugString();
  // Nothing is said twice or in more bytes than needed.
  ASSERT_EQ(bytes.size(), expected.ByteSizeLong());
}

class RandomBatches {
 public:
  explicit RandomBatches(uint32_t seed) : random_(seed) {}

  size_t Below(size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random_);
  }
  bool OneIn(size_t n) { return Below(n) == 0; }

  std::string Text() { return std::string(Below(40), Letter()); }
  std::string Segment() { return std::string(1 + Below(20), Letter()); }
  int64_t Number() {
    return static_cast<int64_t>(random_() >> Below(64)) * (OneIn(2) ? 1 : -1);
  }

  Path AnyPath() {
    Path path;
    for (size_t i = Below(5); i > 0; --i) path = path.Child(Segment());
    return path;
  }

  Value AnyValue(size_t depth = 0) {
    switch (Below(depth < 3 ? 8 : 6)) {
      case 0:
        return Value::Null();
      case 1:
        return Value::Bool(OneIn(2));
      case 2:
        return Value::Int(Number());
      case 3:
        return Value::Double(static_cast<double>(Number()) / 3);
      case 4:
        return Value::String(Text());
      case 5:
        return Value::Bytes(Text());
      case 6: {
        Value::List list;
        for (size_t i = Below(4); i > 0; --i) list.push_back(AnyValue(depth + 1));
        return Value::MakeList(std::move(list));
      }
      default: {
        Value::Map map;
        for (size_t i = Below(4); i > 0; --i) {
          map = map.Set(Segment(), AnyValue(depth + 1));
        }
        return Value::MakeMap(std::move(map));
      }
    }
  }
  Tree AnyTree() { return OneIn(3) ? Tree() : Tree(AnyValue()); }

  std::shared_ptr<const Delivery> AnyDelivery() {
    auto emission = std::make_shared<Emission>();
    emission->revision = static_cast<Revision>(random_() >> (1 + Below(63)));
    emission->index = static_cast<int32_t>(Below(300));
    emission->kind = static_cast<EventKind>(Below(4));
    emission->emitting_path = AnyPath();
    emission->prev_value = AnyTree();
    emission->new_value = AnyTree();
    emission->prev_omitted = !emission->prev_value.has_value() && OneIn(2);
    emission->new_omitted = !emission->new_value.has_value() && OneIn(2);
    emission->payload = AnyTree();
    emission->commit_time = absl::FromUnixNanos(Number() / 16);
    emission->origin = static_cast<OriginKind>(Below(3));
    auto delivery = std::make_shared<Delivery>();
    delivery->current_path =
        emission->emitting_path.Ancestor(
            Below(emission->emitting_path.depth() + 1));
    delivery->emission = std::move(emission);
    delivery->pattern = std::make_shared<const PathPattern>(
        PathPattern::Exactly(delivery->current_path));
    return delivery;
  }

  EventView AnyView() {
    EventView view;
    view.values = static_cast<v1::EventValues>(v1::EVENT_VALUES_BOTH + Below(3));
    view.encoding =
        static_cast<v1::ValueEncoding>(v1::VALUE_ENCODING_JSON + Below(2));
    if (OneIn(3)) view.max_value_bytes = 1 + Below(60);
    return view;
  }

  EventBatch AnyBatch(
      const std::vector<std::shared_ptr<const Delivery>>& deliveries) {
    EventBatch batch;
    for (size_t i = Below(8); i > 0; --i) {
      Event event;
      event.delivery = deliveries[Below(deliveries.size())];
      if (OneIn(4)) event.ack_id = random_() >> Below(64);
      if (OneIn(4)) event.coalesced = static_cast<int64_t>(Below(100'000));
      batch.events.push_back(std::move(event));
    }
    if (OneIn(2)) batch.revision = static_cast<Revision>(Below(1'000'000));
    if (OneIn(2)) batch.resume_token = Text();
    batch.synced = OneIn(3);
    if (OneIn(4)) {
      batch.reset = EventReset{.path = AnyPath(),
                               .revision = static_cast<Revision>(Below(300)),
                               .epoch_changed = OneIn(2)};
    }
    if (OneIn(4)) batch.reset_done = AnyPath();
    if (OneIn(4)) {
      batch.gap = EventGap{.after = static_cast<Revision>(Below(3)),
                           .through = static_cast<Revision>(Below(300)),
                           .events = static_cast<int64_t>(Below(3))};
      if (OneIn(2)) batch.gap->path = AnyPath();
    }
    return batch;
  }

 private:
  char Letter() { return static_cast<char>('a' + Below(26)); }

  std::mt19937_64 random_;
};

TEST(BatchEncoder, GivesWhatProtobufGives) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  RandomBatches random(seed);
  BatchEncoder encoder;
  for (int round = 0; round < 300; ++round) {
    // The same deliveries are seen in many ways, again and again.
    std::vector<std::shared_ptr<const Delivery>> deliveries;
    for (int i = 0; i < 5; ++i) deliveries.push_back(random.AnyDelivery());
    for (int i = 0; i < 20; ++i) {
      const EventView view = random.AnyView();
      const EventBatch batch = random.AnyBatch(deliveries);
      encoder.LayOut(batch, kOrigin, view, kNoBound);
      ASSERT_NO_FATAL_FAILURE(ExpectSame(Bytes(encoder), batch, view));
    }
  }
}

TEST(BatchEncoder, ManyEvents) {
  RandomBatches random(1);
  EventBatch batch;
  for (int i = 0; i < 5'000; ++i) {
    Event event;
    event.delivery = random.AnyDelivery();
    batch.events.push_back(std::move(event));
  }
  BatchEncoder encoder;
  encoder.LayOut(batch, kOrigin, EventView(), kNoBound);
  ExpectSame(Bytes(encoder), batch, EventView());
}

Event EventOf(std::string prev, std::string next) {
  auto emission = std::make_shared<Emission>();
  emission->revision = 7;
  emission->emitting_path = Path().Child("a");
  emission->prev_value = Value::String(std::move(prev));
  emission->new_value = Value::String(std::move(next));
  auto delivery = std::make_shared<Delivery>();
  delivery->current_path = emission->emitting_path;
  delivery->emission = std::move(emission);
  delivery->pattern = std::make_shared<const PathPattern>();
  Event event;
  event.delivery = std::move(delivery);
  return event;
}

TEST(BatchEncoder, TheBytesOfAnEventAreMadeOnceForAView) {
  EventBatch batch;
  batch.events.push_back(EventOf("x", "y"));
  const EncodedViews& kept = batch.events[0].delivery->encoded;
  const EventView json;
  const EventView typed{.encoding = v1::VALUE_ENCODING_TYPED};
  EXPECT_EQ(kept.Get(SharedIndex(json)), nullptr);

  BatchEncoder encoder;
  encoder.LayOut(batch, kOrigin, json, kNoBound);
  const std::string* const bytes = kept.Get(SharedIndex(json));
  ASSERT_NE(bytes, nullptr);
  EXPECT_EQ(kept.Get(SharedIndex(typed)), nullptr);

  BatchEncoder other;
  other.LayOut(batch, kOrigin, json, kNoBound);
  other.LayOut(batch, kOrigin, typed, kNoBound);
  EXPECT_EQ(kept.Get(SharedIndex(json)), bytes);
  EXPECT_NE(kept.Get(SharedIndex(typed)), nullptr);
}

TEST(BatchEncoder, ValuesOverTheBoundAreLeftOutOfThisViewAlone) {
  EventBatch batch;
  batch.events.push_back(EventOf(std::string(1'000, 'x'), "y"));
  const EventView bounded{.max_value_bytes = 100};
  BatchEncoder encoder;
  encoder.LayOut(batch, kOrigin, bounded, kNoBound);
  EXPECT_EQ(batch.events[0].delivery->encoded.Get(SharedIndex(bounded)),
            nullptr);
  v1::EventBatch proto;
  ASSERT_TRUE(proto.ParseFromString(Bytes(encoder)));
  ASSERT_EQ(proto.events_size(), 1);
  EXPECT_FALSE(proto.events(0).has_prev_value());
  EXPECT_TRUE(proto.events(0).prev_omitted());
  EXPECT_EQ(proto.events(0).new_value().json().string_value(), "y");
  EXPECT_FALSE(proto.events(0).new_omitted());

  encoder.LayOut(batch, kOrigin, EventView(), kNoBound);
  ASSERT_TRUE(proto.ParseFromString(Bytes(encoder)));
  EXPECT_EQ(proto.events(0).prev_value().json().string_value().size(), 1'000u);
}

TEST(BatchEncoder, ABatchThatIsTooLargeLosesItsLargestValues) {
  EventBatch batch;
  batch.revision = 7;
  batch.resume_token = "t";
  batch.events.push_back(EventOf("x", "y"));
  batch.events.push_back(
      EventOf(std::string(40'000, 'x'), std::string(40'000, 'y')));
  BatchEncoder encoder;
  encoder.LayOut(batch, kOrigin, EventView(), 65'536);
  EXPECT_LT(encoder.size(), 65'536u);
  v1::EventBatch proto;
  ASSERT_TRUE(proto.ParseFromString(Bytes(encoder)));
  ASSERT_EQ(proto.events_size(), 2);
  EXPECT_TRUE(proto.events(0).has_prev_value());
  EXPECT_FALSE(proto.events(0).new_omitted());
  EXPECT_FALSE(proto.events(1).has_prev_value());
  EXPECT_FALSE(proto.events(1).has_new_value());
  EXPECT_TRUE(proto.events(1).prev_omitted());
  EXPECT_TRUE(proto.events(1).new_omitted());
  EXPECT_EQ(proto.events(1).emitting_path().text(), "/a");
  EXPECT_EQ(proto.revision(), 7);
  EXPECT_EQ(proto.resume_token(), "t");
}

TEST(WireFormat, NothingIsWrittenForNothing) {
  std::string out;
  wire::AppendText(1, "", &out);
  wire::AppendNumber(1, 0, &out);
  EXPECT_EQ(out, "");
  wire::AppendMessage(1, "", &out);
  EXPECT_EQ(out, std::string("\x0A\x00", 2));
  wire::AppendNumber(2, 300, &out);
  EXPECT_EQ(out, std::string("\x0A\x00\x10\xAC\x02", 5));
  EXPECT_EQ(wire::FieldSize(127), 129u);
  EXPECT_EQ(wire::FieldSize(128), 131u);
}

// The same events, some of them in bundles, which are encoded once for all who
// have the same view.
TEST(BatchEncoderTest, BundlesAreWhatTheirEventsAre) {
  RandomBatches random(5);
  for (int round = 0; round < 300; ++round) {
    EventBatch batch;
    EventBatch single;
    for (size_t n = 1 + random.Below(3); n > 0; --n) {
      auto bundle = std::make_shared<EventBundle>();
      for (size_t i = 1 + random.Below(5); i > 0; --i) {
        bundle->deliveries.push_back(random.AnyDelivery());
        single.events.push_back(Event{.delivery = bundle->deliveries.back()});
      }
      batch.bundles.push_back(std::move(bundle));
    }
    batch.revision = single.revision = random.Number();
    batch.resume_token = single.resume_token = random.Text();
    EXPECT_EQ(batch.AllEvents().size(), single.events.size());
    for (int again = 0; again < 2; ++again) {
      const EventView view = random.AnyView();
      BatchEncoder encoder;
      encoder.LayOut(batch, kOrigin, view, kNoBound);
      ExpectSame(Bytes(encoder), single, view);
      std::string parts;
      size_t owned = 0;
      for (const BatchEncoder::Part& part : encoder.Parts()) {
        parts.append(part.bytes);
        if (part.owner != nullptr) ++owned;
      }
      EXPECT_EQ(parts, Bytes(encoder));
      if (view.max_value_bytes == kMaxEventValueBytes) {
        EXPECT_EQ(owned, batch.bundles.size());
      }

      // Too large: what has to go goes.
      BatchEncoder bounded, bounded_single;
      const size_t bound = encoder.size() / 2;
      bounded.LayOut(batch, kOrigin, view, bound);
      bounded_single.LayOut(single, kOrigin, view, bound);
      v1::EventBatch got, want;
      ASSERT_TRUE(got.ParseFromString(Bytes(bounded)));
      ASSERT_TRUE(want.ParseFromString(Bytes(bounded_single)));
      EXPECT_TRUE(
          google::protobuf::util::MessageDifferencer::Equals(got, want));
    }
  }
}

TEST(BatchEncoderTest, TheBytesOfABundleAreMadeOnce) {
  RandomBatches random(6);
  auto bundle = std::make_shared<EventBundle>();
  bundle->deliveries = {random.AnyDelivery(), random.AnyDelivery()};
  EventBatch batch;
  batch.bundles = {bundle};
  const EventView view;
  BatchEncoder first, second;
  first.LayOut(batch, kOrigin, view, kNoBound);
  second.LayOut(batch, kOrigin, view, kNoBound);
  const auto parts = first.Parts();
  EXPECT_EQ(parts[0].owner, bundle);
  EXPECT_EQ(parts[0].bytes.data(), second.Parts()[0].bytes.data());
}

}  // namespace
}  // namespace restate
