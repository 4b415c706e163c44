// Subscribers that read too slowly or vanish, and what the others notice of it:
// nothing.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/raw_call.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

constexpr char kSubscribe[] = "/restate.v1.EventService/Subscribe";

v1::SubscribeRequest RequestFor(const std::string& pattern) {
  v1::SubscribeRequest request;
  request.add_patterns()->set_text(pattern);
  return request;
}

v1::SubscribeResponse Parse(const std::string& bytes) {
  v1::SubscribeResponse response;
  EXPECT_TRUE(response.ParseFromString(bytes));
  return response;
}

class SubscriberTest : public StorageTest {};

TEST_P(SubscriberTest, ASlowOneEndsAndBlocksNobody) {
  // Far more than its queue and every buffer on the way hold together.
  constexpr int kWrites = 100;
  constexpr size_t kBytes = 512 * 1024;
  RawCall slow(Connect(server().address()), kSubscribe);
  v1::SubscribeRequest impatient = RequestFor("/v");
  impatient.set_overflow(v1::SUBSCRIBE_OVERFLOW_END);
  ASSERT_TRUE(slow.Write(impatient.SerializeAsString()));
  std::string bytes;
  ASSERT_TRUE(slow.Read(&bytes));
  ASSERT_TRUE(Parse(bytes).batch().synced());

  v1::SubscribeRequest light = RequestFor("/v");
  light.set_values(v1::EVENT_VALUES_NONE);
  const auto quick = Subscribe(light);
  std::vector<int64_t> revisions;
  for (int i = 0; i < kWrites; ++i) {
    v1::Value value;
    value.set_string_value(
        std::string(kBytes, static_cast<char>('a' + i % 26)));
    revisions.push_back(client().SetTyped("/v", value));
  }
  const auto heard = quick->WaitForEvents(kWrites);
  ASSERT_EQ(heard.size(), static_cast<size_t>(kWrites));
  for (int i = 0; i < kWrites; ++i)
    EXPECT_EQ(heard[i].revision(), revisions[i]);

  // What the slow one does get is the beginning, with nothing left out.
  size_t got = 0;
  while (slow.Read(&bytes)) {
    const v1::SubscribeResponse response = Parse(bytes);
    for (const v1::Event& event : response.batch().events()) {
      ASSERT_LT(got, revisions.size());
      EXPECT_EQ(event.revision(), revisions[got++]);
    }
  }
  EXPECT_LT(got, revisions.size());
  EXPECT_EQ(CodeAndReason(slow.Finish()),
            "RESOURCE_EXHAUSTED / SLOW_SUBSCRIBER");

  // And it can begin again.
  v1::SubscribeRequest again = RequestFor("/v");
  again.mutable_snapshot();
  const auto reader = Subscribe(again);
  EXPECT_EQ(reader->events().size(), 1u);
  EXPECT_EQ(reader->synced_revision(), revisions.back());
}

TEST_P(SubscriberTest, OnesThatVanishLeaveNothingBehind) {
  const auto staying = Subscribe("/");
  for (int round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<SubscriptionReader>> vanishing;
    for (int i = 0; i < 10; ++i) {
      vanishing.push_back(std::make_unique<SubscriptionReader>(
          Connect(server().address()), RequestFor("/*")));
    }
    // Some are live when they go, some not yet.
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(vanishing[i]->WaitForSynced());
    client().Set("/n", std::to_string(round + 1));
    vanishing.clear();
  }
  const auto events = staying->WaitForEvents(20);
  ASSERT_EQ(events.size(), 20u);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(events[i].new_value().json().number_value(), i + 1);
  }
  EXPECT_EQ(staying->Violations(), std::vector<std::string>());
}

TEST_P(SubscriberTest, LargeValuesAreLeftOutAndFlagged) {
  const auto reader = Subscribe("/");
  v1::Value small;
  small.set_string_value(std::string(1000, 's'));
  client().SetTyped("/v/small", small);
  // Leaves are at most 1 MiB; a map of several is more.
  v1::Value half;
  half.set_string_value(std::string(600'000, 'h'));
  v1::Value map;
  (*map.mutable_map_value()->mutable_fields())["a"] = half;
  (*map.mutable_map_value()->mutable_fields())["b"] = half;
  client().SetTyped("/v", map);
  client().SetTyped("/v", small);
  const auto events = reader->WaitForEvents(3);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_TRUE(events[1].has_prev_value());
  EXPECT_FALSE(events[1].prev_omitted());
  EXPECT_FALSE(events[1].has_new_value());
  EXPECT_TRUE(events[1].new_omitted());
  EXPECT_FALSE(events[2].has_prev_value());
  EXPECT_TRUE(events[2].prev_omitted());
  EXPECT_TRUE(events[2].has_new_value());
  EXPECT_FALSE(events[2].new_omitted());

  client().SetTyped("/v", map);
  v1::SubscribeRequest request = RequestFor("/v");
  request.mutable_snapshot();
  const auto late = Subscribe(request);
  ASSERT_EQ(late->events().size(), 1u);
  EXPECT_TRUE(late->events()[0].new_omitted());
  EXPECT_FALSE(late->events()[0].has_new_value());
}

TEST_P(SubscriberTest, ASnapshotDuringWritesMissesNothingAndRepeatsNothing) {
  constexpr int kWrites = 300;
  constexpr int kReaders = 20;
  for (int i = 0; i < 50; ++i) client().Set("/m/k" + std::to_string(i), "0");
  std::vector<std::unique_ptr<SubscriptionReader>> readers;
  int64_t last = 0;
  v1::SubscribeRequest request = RequestFor("/m/*");
  request.mutable_snapshot();
  for (int i = 0; i < kWrites; ++i) {
    if (i % (kWrites / kReaders) == 0) {
      readers.push_back(std::make_unique<SubscriptionReader>(
          Connect(server().address()), request));
    }
    last = client().Set("/m/k" + std::to_string(i % 50), std::to_string(i + 1));
  }
  const std::string end = *client().Get("/m");
  for (const auto& reader : readers) {
    ASSERT_TRUE(reader->WaitForRevision(last));
    EXPECT_EQ(reader->Violations(), std::vector<std::string>());
    // The snapshot and the events after it, played back, give the state; and
    // each event begins where the one before it ended.
    v1::Value built;
    auto* fields =
        built.mutable_json()->mutable_struct_value()->mutable_fields();
    for (const v1::Event& event : reader->events()) {
      const std::string name = event.emitting_path().text().substr(3);
      if (event.kind() != v1::EVENT_KIND_INITIAL) {
        EXPECT_GT(event.revision(), reader->synced_revision());
        EXPECT_EQ(ToJson((*fields)[name]), ToJson(event.prev_value().json()));
      } else {
        EXPECT_EQ(event.revision(), reader->synced_revision());
      }
      (*fields)[name] = event.new_value().json();
    }
    EXPECT_EQ(ToJson(built.json()), end);
  }
}

INSTANTIATE_OVER_STORAGES(SubscriberTest);

}  // namespace
}  // namespace restate::test
