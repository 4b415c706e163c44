#include "service/adapters/subscription_adapter.h"

#include <string>

#include "engine/error/error.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

TEST(DecodePageTest, SizesAndTokens) {
  v1::ListSubscriptionsRequest request;
  EXPECT_EQ(DecodePage(request)->size, 1'000u);
  EXPECT_EQ(DecodePage(request)->after_id, 0);
  request.set_page_size(7);
  request.set_page_token(EncodePageToken(int64_t{1} << 40));
  EXPECT_EQ(DecodePage(request)->size, 7u);
  EXPECT_EQ(DecodePage(request)->after_id, int64_t{1} << 40);
  request.set_page_size(1'000'000);
  EXPECT_EQ(DecodePage(request)->size, 10'000u);
}

TEST(DecodePageTest, Errors) {
  v1::ListSubscriptionsRequest request;
  request.set_page_size(-1);
  EXPECT_EQ(ErrorReason(DecodePage(request).status()), "INVALID_REQUEST");
  request.clear_page_size();
  for (const char* token : {"x", "0", "-1", "1 2", "99999999999999999999"}) {
    request.set_page_token(token);
    EXPECT_EQ(ErrorReason(DecodePage(request).status()), "INVALID_REQUEST")
        << token;
  }
}

TEST(EncodeSubscriptionTest, AllFields) {
  SubscriptionStatus status;
  status.id = 1;
  status.session_id = "s";
  status.callback_id = "c";
  status.patterns = {*PathPattern::Parse("/a/*"), *PathPattern::Parse("/b")};
  status.intercepting = true;
  status.queued_events = 2;
  status.queued_bytes = 3;
  status.lag_revisions = 4;
  status.dropped_events = 5;
  status.reading_history = true;
  status.unacknowledged = 6;
  v1::SubscriptionInfo proto;
  EncodeSubscription(status, &proto);
  std::string json;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(proto, &json).ok());
  EXPECT_EQ(json,
            R"({"subscriptionId":"1","sessionId":"s","callbackId":"c",)"
            R"("patterns":[{"text":"/a/*"},{"text":"/b"}],)"
            R"("intercepting":true,"queuedEvents":"2","queuedBytes":"3",)"
            R"("lagRevisions":"4","droppedEvents":"5",)"
            R"("readingHistory":true,"unacknowledged":"6"})");
}

}  // namespace
}  // namespace restate
