// What a subscription of a session may ask for.

#include <string>

#include "gtest/gtest.h"
#include "tests/integration/session_fixture.h"

namespace restate::test {
namespace {

TEST_F(SessionTest, ValuesNewAndNone) {
  client().Set("/a", "1");
  const auto reader = Open("s");
  v1::SubscribeRequest request = To("/a");
  Listen("s", "both", request);
  request.set_values(v1::EVENT_VALUES_NEW);
  Listen("s", "new", request);
  request.set_values(v1::EVENT_VALUES_NONE);
  Listen("s", "none", request);
  client().Set("/a", "2");
  Sync("s", reader.get());
  std::map<std::string, v1::Event> told;
  for (const v1::CallbackEvents& run : reader->runs()) {
    if (run.batch().events_size() == 0) continue;
    told[run.callback_id()] = run.batch().events(0);
  }
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(ToJson(told["both"].prev_value().json()), "1");
  EXPECT_EQ(ToJson(told["both"].new_value().json()), "2");
  EXPECT_FALSE(told["new"].has_prev_value());
  EXPECT_EQ(ToJson(told["new"].new_value().json()), "2");
  EXPECT_FALSE(told["none"].has_prev_value());
  EXPECT_FALSE(told["none"].has_new_value());
  EXPECT_EQ(told["none"].revision(), told["both"].revision());
}

TEST_F(SessionTest, ValuesOverTheSubscribersBoundAreLeftOut) {
  const auto reader = Open("s");
  v1::SubscribeRequest request = To("/a");
  request.set_max_value_bytes(100);
  Listen("s", "small", request);
  v1::Value large;
  large.set_string_value(std::string(1'000, 'x'));
  client().Set("/a", R"("short")");
  client().SetTyped("/a", large);
  client().Set("/a", R"("short again")");
  Sync("s", reader.get());
  std::vector<v1::Event> events;
  for (const v1::CallbackEvents& run : reader->runs()) {
    events.insert(events.end(), run.batch().events().begin(),
                  run.batch().events().end());
  }
  ASSERT_EQ(events.size(), 3u);
  EXPECT_FALSE(events[0].new_omitted());
  EXPECT_TRUE(events[1].new_omitted());
  EXPECT_FALSE(events[1].has_new_value());
  EXPECT_TRUE(events[1].has_prev_value());
  EXPECT_TRUE(events[2].prev_omitted());
  EXPECT_FALSE(events[2].has_prev_value());
  EXPECT_TRUE(events[2].has_new_value());
}

// The first at once, the latest when the interval is over, with a count of those
// between; the previous value is that before the first of them.
TEST_F(SessionTest, AMinimumIntervalKeepsTheLatest) {
  const auto reader = Open("s");
  v1::SubscribeRequest request = To("/a/*");
  // Long enough for two commits to fall into it.
  request.mutable_min_interval()->set_seconds(4);
  Listen("s", "c", request);
  client().Set("/a/x", "1");
  v1::CommitRequest commit;
  const auto add = [&](const std::string& path, int value) {
    auto* const set = commit.add_operations()->mutable_set();
    set->mutable_path()->set_text(path);
    set->mutable_value()->set_int_value(value);
  };
  for (int i = 2; i <= 10; ++i) add("/a/x", i);
  add("/a/y", 1);
  ASSERT_TRUE(client().Commit(commit).ok());
  ASSERT_TRUE(reader->WaitUntil([](const SessionReader::Messages& messages) {
    int events = 0;
    for (const v1::OpenSessionResponse& message : messages) {
      for (const v1::CallbackEvents& run : message.events().runs()) {
        events += run.batch().events_size();
      }
    }
    return events >= 3;
  }));
  std::vector<v1::Event> events;
  for (const v1::CallbackEvents& run : reader->runs()) {
    EXPECT_FALSE(run.batch().has_gap());
    events.insert(events.end(), run.batch().events().begin(),
                  run.batch().events().end());
  }
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(ToJson(events[0].new_value().json()), "1");
  EXPECT_EQ(events[0].coalesced(), 0);
  EXPECT_EQ(events[1].emitting_path().text(), "/a/x");
  EXPECT_EQ(ToJson(events[1].prev_value().json()), "1");
  EXPECT_EQ(ToJson(events[1].new_value().json()), "10");
  EXPECT_EQ(events[1].coalesced(), 8);
  EXPECT_EQ(events[2].emitting_path().text(), "/a/y");
  EXPECT_EQ(events[2].coalesced(), 0);
  EXPECT_EQ(List("s")[0].dropped_events(), 8);
}

}  // namespace
}  // namespace restate::test
