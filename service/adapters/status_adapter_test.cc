#include "service/adapters/status_adapter.h"

#include <cstddef>
#include <map>
#include <string>

#include "engine/error/error.h"
#include "engine/path/utf8.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

google::rpc::ErrorInfo InfoIn(const google::rpc::Status& status) {
  google::rpc::ErrorInfo info;
  EXPECT_EQ(status.details_size(), 1);
  EXPECT_TRUE(status.details(0).UnpackTo(&info));
  return info;
}

TEST(StatusAdapterTest, OkIsOk) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_EQ(ToRpcStatus(absl::OkStatus()).ByteSizeLong(), 0u);
}

TEST(StatusAdapterTest, ErrorInfoSaysWhy) {
  const absl::Status error =
      MakeError(Reason::kNotStorable, "mount /a is full", {{"mount", "/a"}});
  const google::rpc::Status status = ToRpcStatus(error);
  EXPECT_EQ(status.code(), 9);
  EXPECT_EQ(status.message(), "mount /a is full");
  const google::rpc::ErrorInfo info = InfoIn(status);
  EXPECT_EQ(info.domain(), "restate");
  EXPECT_EQ(info.reason(), "NOT_STORABLE");
  EXPECT_EQ(info.metadata().size(), 1u);
  EXPECT_EQ(info.metadata().at("mount"), "/a");
}

TEST(StatusAdapterTest, GrpcStatusCarriesTheSameInItsDetails) {
  const absl::Status error =
      MakeError(Reason::kEpochChanged, "another epoch", {{"epoch", "e1"}});
  const grpc::Status status = ToGrpcStatus(error);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(status.error_message(), "another epoch");
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.SerializeAsString(),
            ToRpcStatus(error).SerializeAsString());
}

TEST(StatusAdapterTest, ErrorsWithoutReasonAreNamedAfterTheirCode) {
  const google::rpc::ErrorInfo info =
      InfoIn(ToRpcStatus(absl::InternalError("x")));
  EXPECT_EQ(info.domain(), "restate");
  EXPECT_EQ(info.reason(), "INTERNAL");
}

TEST(StatusAdapterTest, EveryReasonKeepsItsCode) {
  for (int i = 0; i <= static_cast<int>(Reason::kCorrupt); ++i) {
    const auto reason = static_cast<Reason>(i);
    const grpc::Status status = ToGrpcStatus(MakeError(reason, "m"));
    EXPECT_EQ(static_cast<int>(status.error_code()),
              static_cast<int>(CodeOf(reason)));
    EXPECT_EQ(InfoIn(ToRpcStatus(MakeError(reason, "m"))).reason(),
              ReasonName(reason));
  }
}

TEST(StatusAdapterTest, BytesThatAreNoTextAreEscaped) {
  const google::rpc::Status status =
      ToRpcStatus(MakeError(Reason::kCorrupt, "bad \xFF", {{"key", "\xC0"}}));
  EXPECT_EQ(status.message(), "bad \\xff");
  EXPECT_EQ(InfoIn(status).metadata().at("key"), "\\xc0");
}

TEST(StatusAdapterTest, LongErrorsFitIntoTrailers) {
  std::string text;
  while (text.size() < 10'000) text += "ä€😀";
  const absl::Status error =
      MakeError(Reason::kInvalidPath, text,
                {{"a", text}, {"b", text}, {"c", text}, {"operation", "3"}});
  const google::rpc::Status status = ToRpcStatus(error);
  EXPECT_LE(status.message().size(), 1024u);
  EXPECT_TRUE(IsValidUtf8(status.message()));
  EXPECT_TRUE(status.message().ends_with("..."));
  const google::rpc::ErrorInfo info = InfoIn(status);
  EXPECT_LE(info.metadata().at("a").size(), 512u);
  EXPECT_TRUE(IsValidUtf8(info.metadata().at("a")));
  EXPECT_EQ(info.metadata().at("operation"), "3");

  // What gRPC sends: the message percent-encoded, the details in base64.
  const grpc::Status grpc = ToGrpcStatus(error);
  const size_t trailers = grpc.error_message().size() * 3 +
                          (grpc.error_details().size() + 2) / 3 * 4;
  EXPECT_LT(trailers, size_t{7} << 10);
}

}  // namespace
}  // namespace restate
