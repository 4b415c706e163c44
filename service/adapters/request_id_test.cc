#include "service/adapters/request_id.h"

#include <string>

#include "engine/error/error.h"
#include "gtest/gtest.h"
#include "restate/v1/state_service.pb.h"

namespace restate {
namespace {

constexpr char kUuid[] = "123e4567-e89b-42d3-a456-426614174000";

TEST(RequestIdTest, UuidsInTheirTextForm) {
  const absl::uint128 number =
      absl::MakeUint128(0x123e4567e89b42d3, 0xa456426614174000);
  EXPECT_EQ(*ParseUuid(kUuid), number);
  EXPECT_EQ(*ParseUuid("123E4567-E89B-42D3-A456-426614174000"), number);
  EXPECT_EQ(*ParseUuid("00000000-0000-0000-0000-000000000000"), 0);
  for (const std::string& text :
       {std::string("a"), std::string("123e4567e89b42d3a456426614174000"),
        std::string("{123e4567-e89b-42d3-a456-426614174000}"),
        std::string("123e4567-e89b-42d3-a456-42661417400"),
        std::string("123e4567-e89b-42d3-a456-4266141740000"),
        std::string("123e4567-e89b-42d3-a456_426614174000"),
        std::string("123e4567-e89b-42d3-a456-42661417400g"),
        std::string("123e45670e89b-42d3-a456-426614174000"),
        std::string("-23e4567-e89b-42d3-a456-426614174000")}) {
    const absl::Status status = ParseUuid(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(ErrorReason(status), "INVALID_REQUEST") << text;
  }
}

TEST(RequestIdTest, TheFingerprintIsTheSameInEveryRun) {
  // SHA-256 of "restate.v1.PingRequest", a NUL byte and nothing: it is on disk,
  // and must not change.
  EXPECT_EQ(Fingerprint(v1::PingRequest()),
            absl::MakeUint128(0xb44a0acd45d6f333, 0x060860067ca57091));
}

TEST(RequestIdTest, EveryFieldCounts) {
  v1::SetStateRequest request;
  request.set_request_id(kUuid);
  request.mutable_path()->set_text("/a");
  auto* fields = request.mutable_value()->mutable_map_value()->mutable_fields();
  for (int i = 0; i < 100; ++i) (*fields)[std::to_string(i)].set_int_value(i);
  const RequestIdentity identity = *IdentityOf(request);

  // The same map, filled in another order, under the id in another case.
  v1::SetStateRequest same;
  same.set_request_id("123E4567-E89B-42D3-A456-426614174000");
  same.mutable_path()->set_text("/a");
  fields = same.mutable_value()->mutable_map_value()->mutable_fields();
  for (int i = 99; i >= 0; --i) (*fields)[std::to_string(i)].set_int_value(i);
  EXPECT_EQ(*IdentityOf(same), identity);

  same.set_skip_notify(true);
  EXPECT_EQ(IdentityOf(same)->id, identity.id);
  EXPECT_NE(IdentityOf(same)->fingerprint, identity.fingerprint);
}

TEST(RequestIdTest, TheKindOfRequestCounts) {
  v1::PingRequest ping;
  ping.set_request_id(kUuid);
  ping.mutable_path()->set_text("/a");
  v1::DeleteStateRequest deletion;
  deletion.set_request_id(kUuid);
  deletion.mutable_path()->set_text("/a");
  ASSERT_EQ(ping.SerializeAsString(), deletion.SerializeAsString());
  EXPECT_NE(IdentityOf(ping)->fingerprint, IdentityOf(deletion)->fingerprint);
}

}  // namespace
}  // namespace restate
