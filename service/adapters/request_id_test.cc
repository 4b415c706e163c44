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

}  // namespace
}  // namespace restate
