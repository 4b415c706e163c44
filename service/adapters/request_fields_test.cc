#include "service/adapters/request_fields.h"

#include "engine/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

void ExpectInvalidRequest(const absl::Status& status,
                          std::string_view message) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(ErrorReason(status), "INVALID_REQUEST");
  EXPECT_EQ(std::string(status.message()), message);
}

TEST(RequestFieldsTest, Views) {
  EXPECT_EQ(*DecodeView(v1::VIEW_UNSPECIFIED), View::kAll);
  EXPECT_EQ(*DecodeView(v1::VIEW_ALL), View::kAll);
  EXPECT_EQ(*DecodeView(v1::VIEW_WITHOUT_DERIVED), View::kWithoutDerived);
  EXPECT_EQ(*DecodeView(v1::VIEW_OWN_VALUE), View::kOwnValue);
  ExpectInvalidRequest(DecodeView(static_cast<v1::View>(9)).status(),
                       "view is 9, which this server does not know");
}

TEST(RequestFieldsTest, Encodings) {
  EXPECT_TRUE(CheckEncoding(v1::VALUE_ENCODING_UNSPECIFIED).ok());
  EXPECT_TRUE(CheckEncoding(v1::VALUE_ENCODING_TYPED).ok());
  ExpectInvalidRequest(CheckEncoding(static_cast<v1::ValueEncoding>(7)),
                       "encoding is 7, which this server does not know");
}

TEST(RequestFieldsTest, Revisions) {
  EXPECT_TRUE(CheckRevision("min_revision", 0).ok());
  ExpectInvalidRequest(CheckRevision("min_revision", -1),
                       "min_revision is -1; revisions are never negative");
}

TEST(RequestFieldsTest, Durations) {
  google::protobuf::Duration proto;
  proto.set_seconds(1);
  proto.set_nanos(500'000'000);
  const auto decode = [&](absl::Duration least, absl::Duration most) {
    return DecodeDuration("heartbeat", proto, least, most);
  };
  EXPECT_EQ(*decode(absl::ZeroDuration(), absl::Hours(1)),
            absl::Milliseconds(1500));
  EXPECT_TRUE(
      decode(absl::Milliseconds(1500), absl::Milliseconds(1500)).ok());
  ExpectInvalidRequest(decode(absl::Seconds(2), absl::Hours(1)).status(),
                       "heartbeat is 1.5s; it must be from 2s to 1h");
  ExpectInvalidRequest(decode(absl::ZeroDuration(), absl::Seconds(1)).status(),
                       "heartbeat is 1.5s; it must be from 0 to 1s");
}

// Each of these came to some length within the bounds, and was taken.
TEST(RequestFieldsTest, DurationsThatProtobufDoesNotAllow) {
  const struct {
    int64_t seconds;
    int32_t nanos;
  } kBad[] = {{2, -1},
              {-1, 1},
              {-2, 2'000'000'000},
              {0, 1'000'000'000},
              {0, -1'000'000'000},
              {1, 2'147'483'647},
              {315'576'000'001, 0},
              {-315'576'000'001, 0},
              {INT64_MAX, 0}};
  for (const auto& [seconds, nanos] : kBad) {
    google::protobuf::Duration proto;
    proto.set_seconds(seconds);
    proto.set_nanos(nanos);
    ExpectInvalidRequest(
        DecodeDuration("ttl", proto, -absl::InfiniteDuration(),
                       absl::InfiniteDuration())
            .status(),
        "ttl is no valid duration: it has " + std::to_string(seconds) +
            " seconds and " + std::to_string(nanos) +
            " nanos; both must have the same sign, nanos be below 10^9, and "
            "seconds at most 315576000000");
  }
  google::protobuf::Duration most;
  most.set_seconds(315'576'000'000);
  most.set_nanos(999'999'999);
  EXPECT_TRUE(DecodeDuration("ttl", most, absl::ZeroDuration(),
                             absl::InfiniteDuration())
                  .ok());
}

}  // namespace
}  // namespace restate
