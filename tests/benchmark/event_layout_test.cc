#include "tests/benchmark/event_layout.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "restate/v1/event_service.pb.h"
#include "tests/benchmark/etcd.pb.h"

namespace restate::benchmark {
namespace {

// As it may arrive: in slices of `step` bytes.
grpc::ByteBuffer Slices(const std::string& bytes, size_t step) {
  std::vector<grpc::Slice> slices;
  for (size_t at = 0; at < bytes.size(); at += step) {
    slices.emplace_back(bytes.substr(at, step));
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

std::string ThreeEvents() {
  v1::SubscribeResponse response;
  for (int i = 0; i < 3; ++i) {
    v1::Event* event = response.mutable_batch()->add_events();
    event->set_revision(i + 1);
    event->mutable_new_value()->set_string_value(std::string(200, 'v'));
  }
  response.mutable_batch()->set_revision(3);
  response.mutable_batch()->set_epoch("epoch");
  return response.SerializeAsString();
}

TEST(EventLayoutTest, CountsRestateEventsHoweverTheyAreSliced) {
  const std::string bytes = ThreeEvents();
  for (size_t step = 1; step <= bytes.size(); ++step) {
    grpc::ByteBuffer message = Slices(bytes, step);
    MessageCounts counts;
    ASSERT_TRUE(CountEvents(RestateLayout(), &message, &counts)) << step;
    EXPECT_EQ(counts.events, 3u) << step;
    EXPECT_FALSE(counts.live) << step;
    EXPECT_FALSE(counts.lost) << step;
  }
}

TEST(EventLayoutTest, AddsUpOverMessages) {
  MessageCounts counts;
  for (int i = 0; i < 2; ++i) {
    grpc::ByteBuffer message = Slices(ThreeEvents(), 64);
    ASSERT_TRUE(CountEvents(RestateLayout(), &message, &counts));
  }
  EXPECT_EQ(counts.events, 6u);
}

TEST(EventLayoutTest, SeesThatRestateIsLive) {
  v1::SubscribeResponse response;
  response.mutable_batch()->set_synced(true);
  grpc::ByteBuffer message = Slices(response.SerializeAsString(), 64);
  MessageCounts counts;
  ASSERT_TRUE(CountEvents(RestateLayout(), &message, &counts));
  EXPECT_TRUE(counts.live);
  EXPECT_EQ(counts.events, 0u);
}

TEST(EventLayoutTest, SeesAGap) {
  // EventBatch.gap, a message: field 7 with no bytes, inside field 1.
  grpc::ByteBuffer message = Slices(std::string("\x0a\x02\x3a\x00", 4), 64);
  MessageCounts counts;
  ASSERT_TRUE(CountEvents(RestateLayout(), &message, &counts));
  EXPECT_TRUE(counts.lost);
}

TEST(EventLayoutTest, CountsEtcdEvents) {
  etcdserverpb::WatchResponse response;
  response.mutable_header()->set_revision(7);
  for (int i = 0; i < 5; ++i) response.add_events(std::string(150, 'e'));
  const std::string bytes = response.SerializeAsString();
  for (size_t step = 1; step <= bytes.size(); ++step) {
    grpc::ByteBuffer message = Slices(bytes, step);
    MessageCounts counts;
    ASSERT_TRUE(CountEvents(EtcdLayout(), &message, &counts)) << step;
    EXPECT_EQ(counts.events, 5u) << step;
    EXPECT_FALSE(counts.live) << step;
    EXPECT_FALSE(counts.lost) << step;
  }
}

TEST(EventLayoutTest, SeesThatEtcdBeganAndEndedTheWatch) {
  etcdserverpb::WatchResponse response;
  response.set_created(true);
  response.set_canceled(true);
  grpc::ByteBuffer message = Slices(response.SerializeAsString(), 64);
  MessageCounts counts;
  ASSERT_TRUE(CountEvents(EtcdLayout(), &message, &counts));
  EXPECT_TRUE(counts.live);
  EXPECT_TRUE(counts.lost);
}

TEST(EventLayoutTest, RefusesWhatIsCutOff) {
  const std::string bytes = ThreeEvents();
  for (size_t length = 1; length < bytes.size(); ++length) {
    grpc::ByteBuffer message = Slices(bytes.substr(0, length), 64);
    MessageCounts counts;
    EXPECT_FALSE(CountEvents(RestateLayout(), &message, &counts)) << length;
  }
}

}  // namespace
}  // namespace restate::benchmark
