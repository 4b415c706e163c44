#include "service/adapters/subscribe_adapter.h"

#include <string>
#include <variant>

#include "engine/error/error.h"
#include "engine/subscription/resume_position.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "service/adapters/event_view.h"

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

// A subscription to "/" with one more field.
absl::StatusOr<SubscriptionSpec> With(const std::string& field) {
  return Subscribe(R"({"patterns": [{}], )" + field + "}");
}

TEST(DecodeSubscribeTest, AllFields) {
  const SubscriptionSpec spec =
      Subscribe(R"({"patterns": [{"text": "users/*/name"}, {"text": "/"}],
                    "snapshot": {}, "scope": "SUBSCRIBE_SCOPE_EXACT",
                    "kinds": ["EVENT_KIND_PING", "EVENT_KIND_SET"],
                    "values": "EVENT_VALUES_NEW", "encoding": 2,
                    "maxValueBytes": "1000", "epoch": "e",
                    "overflow": "SUBSCRIBE_OVERFLOW_COALESCE",
                    "intercepting": true, "minInterval": "0.250s",
                    "heartbeat": "90s", "historyLoss": "HISTORY_LOSS_RESET"})")
          .value();
  ASSERT_EQ(spec.patterns.size(), 2u);
  EXPECT_EQ(spec.patterns[0].ToText(), "/");
  EXPECT_EQ(spec.patterns[1].ToText(), "/users/*/name");
  EXPECT_TRUE(std::holds_alternative<StartSnapshot>(spec.start));
  EXPECT_TRUE(spec.exact);
  EXPECT_THAT(spec.kinds, ElementsAre(EventKind::kSet, EventKind::kPing));
  EXPECT_EQ(UnpackView(spec.view),
            (EventView{v1::EVENT_VALUES_NEW, v1::VALUE_ENCODING_TYPED, 1000}));
  EXPECT_EQ(spec.epoch, "e");
  EXPECT_EQ(spec.overflow, Overflow::kCoalesce);
  EXPECT_TRUE(spec.intercepting);
  EXPECT_EQ(spec.min_interval, absl::Milliseconds(250));
  EXPECT_EQ(spec.heartbeat, absl::Seconds(90));
  EXPECT_EQ(spec.history_loss, HistoryLoss::kReset);
}

TEST(DecodeSubscribeTest, Defaults) {
  const SubscriptionSpec spec = Subscribe(R"({"patterns": [{}]})").value();
  ASSERT_EQ(spec.patterns.size(), 1u);
  EXPECT_EQ(spec.patterns[0], PathPattern());
  EXPECT_TRUE(std::holds_alternative<StartNow>(spec.start));
  EXPECT_FALSE(spec.exact);
  EXPECT_TRUE(spec.kinds.empty());
  EXPECT_EQ(UnpackView(spec.view), EventView());
  EXPECT_EQ(spec.epoch, "");
  EXPECT_EQ(spec.overflow, Overflow::kHistory);
  EXPECT_FALSE(spec.intercepting);
  EXPECT_EQ(spec.min_interval, absl::ZeroDuration());
  EXPECT_EQ(spec.heartbeat, absl::Seconds(30));
  EXPECT_EQ(spec.history_loss, HistoryLoss::kFail);
  EXPECT_TRUE(std::holds_alternative<StartNow>(With(R"("now": {})")->start));
}

TEST(DecodeSubscribeTest, Choices) {
  EXPECT_EQ(With(R"("overflow": "SUBSCRIBE_OVERFLOW_HISTORY")")->overflow,
            Overflow::kHistory);
  EXPECT_EQ(With(R"("overflow": "SUBSCRIBE_OVERFLOW_END")")->overflow,
            Overflow::kEnd);
  EXPECT_EQ(With(R"("historyLoss": "HISTORY_LOSS_FAIL")")->history_loss,
            HistoryLoss::kFail);
}

TEST(DecodeSubscribeTest, StartsAfterARevision) {
  const SubscriptionSpec spec = With(R"("afterRevision": "7")").value();
  EXPECT_EQ(std::get<StartAfter>(spec.start).position,
            (ResumePosition{.revision = 7}));
  EXPECT_EQ(std::get<StartAfter>(With(R"("afterRevision": "0")")->start)
                .position,
            ResumePosition());
  ExpectError(With(R"("afterRevision": "-1")").status(),
              Reason::kInvalidRequest, "after_revision is -1");
}

TEST(DecodeSubscribeTest, StartsAtATokenInItsEpoch) {
  const ResumePosition position{
      .revision = 7,
      .point = EventPoint{.index = 2,
                          .current_path = Path().Child("a"),
                          .pattern = *PathPattern::Parse("/*")}};
  const std::string token =
      R"("resumeToken": ")" + EncodeResumeToken("e", position) + "\"";
  const SubscriptionSpec spec = With(token).value();
  EXPECT_EQ(std::get<StartAfter>(spec.start).position, position);
  EXPECT_EQ(spec.epoch, "e");
  EXPECT_EQ(With(token + R"(, "epoch": "e")")->epoch, "e");
  // Whichever of the two the server is in: the other is not.
  ExpectError(With(token + R"(, "epoch": "f")").status(),
              Reason::kEpochChanged,
              "for epoch f, and its resume_token is of epoch e");
  ExpectError(With(R"("resumeToken": "x")").status(), Reason::kInvalidRequest,
              "resume_token");
  ExpectError(With(R"("resumeToken": "")").status(), Reason::kInvalidRequest,
              "resume_token");
}

TEST(DecodeSubscribeTest, NumbersOutOfRange) {
  const Reason invalid = Reason::kInvalidRequest;
  ExpectError(With(R"("minInterval": "-0.001s")").status(), invalid,
              "min_interval is -1ms; it must be from 0 to 1h");
  ExpectError(With(R"("minInterval": "3600.001s")").status(), invalid,
              "min_interval is 1h0.001s");
  EXPECT_EQ(With(R"("minInterval": "3600s")")->min_interval, absl::Hours(1));
  ExpectError(With(R"("heartbeat": "0.999s")").status(), invalid,
              "heartbeat is 999ms; it must be from 1s to 1h");
  ExpectError(With(R"("heartbeat": "0s")").status(), invalid, "heartbeat is 0");
  EXPECT_EQ(With(R"("heartbeat": "1s")")->heartbeat, absl::Seconds(1));
  ExpectError(With(R"("maxValueBytes": "-1")").status(), invalid,
              "max_value_bytes is -1; it must be from 0 to 1048576");
  ExpectError(With(R"("maxValueBytes": "1048577")").status(), invalid,
              "max_value_bytes is 1048577");
  EXPECT_EQ(UnpackView(With(R"("maxValueBytes": "1048576")")->view),
            EventView());
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
  ExpectError(With(R"("overflow": 9)").status(), Reason::kInvalidRequest,
              "overflow is 9");
  ExpectError(With(R"("historyLoss": 9)").status(), Reason::kInvalidRequest,
              "history_loss is 9");
}

TEST(DecodePatternsTest, NoneAreNone) {
  EXPECT_TRUE(DecodePatterns({}, RequestLimits())->empty());
}

}  // namespace
}  // namespace restate
