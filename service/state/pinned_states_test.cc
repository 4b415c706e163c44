#include "service/state/pinned_states.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/memory/memory_backend.h"
#include "engine/client/client_id.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"
#include "service/testing/fake_clock.h"

namespace restate {
namespace {

// An empty tree that is known by its revision.
std::shared_ptr<const PublishedState> NumberedState(Revision revision) {
  return std::make_shared<PublishedState>(
      revision, std::vector<MountedSnapshot>{
                    {Path(), MakeTreeSnapshot(std::nullopt)}});
}

class PinnedStatesTest : public testing::Test {
 protected:
  std::string Pin(Revision revision) {
    return pins_.Pin(ClientId(), path_, NumberedState(revision));
  }
  // The reason of the error that looking for `id` ends with; "" if none.
  std::string Reason(const std::string& id) {
    return ErrorReason(pins_.Find(id, path_).status());
  }

  const Path path_ = Path().Child("a");
  FakeClock clock_;
  PinnedStates pins_{&clock_, 3};
};

TEST_F(PinnedStatesTest, KeepsAStateForSixtySecondsAfterItsLastUse) {
  const std::string id = Pin(7);
  EXPECT_EQ(id.size(), PinnedStates::kIdBytes);
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(absl::Seconds(60));
    pins_.DropExpired();
    auto found = pins_.Find(id, path_);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ((*found)->revision(), 7);
  }
  clock_.Advance(absl::Seconds(60) + absl::Nanoseconds(1));
  absl::Status status = pins_.Find(id, path_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ErrorReason(status), "SNAPSHOT_EXPIRED");
}

TEST_F(PinnedStatesTest, LetsGoOfWhatIsTooOldWithoutBeingAsked) {
  auto state = NumberedState(1);
  std::weak_ptr<const PublishedState> weak = state;
  pins_.Pin(ClientId(), path_, std::move(state));
  clock_.Advance(absl::Seconds(60));
  Pin(2);
  pins_.DropExpired();
  EXPECT_FALSE(weak.expired());
  clock_.Advance(absl::Seconds(1));
  pins_.DropExpired();
  EXPECT_TRUE(weak.expired());
  EXPECT_EQ(pins_.count(), 1u);
}

TEST_F(PinnedStatesTest, IsForOnePath) {
  const std::string id = Pin(1);
  absl::Status status = pins_.Find(id, Path().Child("b")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorReason(status), "INVALID_REQUEST");
  EXPECT_EQ(status.message(), "the page token is for /a and not for /b");
}

TEST_F(PinnedStatesTest, KeepsTheNewestWhenThereAreTooMany) {
  const std::string first = Pin(1);
  clock_.Advance(absl::Seconds(1));
  const std::string second = Pin(2);
  clock_.Advance(absl::Seconds(1));
  const std::string third = Pin(3);
  clock_.Advance(absl::Seconds(1));
  // Used again: the second is the oldest now.
  EXPECT_EQ(Reason(first), "");
  clock_.Advance(absl::Seconds(1));
  const std::string fourth = Pin(4);
  EXPECT_EQ(pins_.count(), 3u);
  EXPECT_EQ(Reason(first), "");
  EXPECT_EQ(Reason(second), "SNAPSHOT_EXPIRED");
  EXPECT_EQ(Reason(third), "");
  EXPECT_EQ(Reason(fourth), "");
}

TEST_F(PinnedStatesTest, DropAll) {
  const std::string id = Pin(1);
  pins_.DropAll();
  EXPECT_EQ(pins_.count(), 0u);
  EXPECT_EQ(Reason(id), "SNAPSHOT_EXPIRED");
}

TEST(PageToken, GoesThereAndBack) {
  const std::string id("\0\xff id of 16 byte", PinnedStates::kIdBytes);
  for (const char* name : {"a", "Zoë", "a/b ~"}) {
    const std::string text = EncodePageToken(id, name);
    absl::StatusOr<PageToken> token = DecodePageToken(text);
    ASSERT_TRUE(token.ok()) << token.status();
    EXPECT_EQ(token->id, id);
    EXPECT_EQ(token->last_name, name);
  }
}

TEST(PageToken, RefusesWhatIsNone) {
  const std::string id(PinnedStates::kIdBytes, 'x');
  for (const std::string& text :
       {std::string("?"), std::string("abcd"), EncodePageToken(id, ""),
        EncodePageToken(id, "*"), EncodePageToken(id, "\xff")}) {
    absl::Status status = DecodePageToken(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(ErrorReason(status), "INVALID_REQUEST") << text;
  }
}

// Somebody who began listings and gave them up took the page tokens of everybody
// else.
TEST_F(PinnedStatesTest, AClientMakesRoomForHisOwn) {
  PinnedStates pins(&clock_, /*max_pins=*/100, /*max_pins_of_client=*/2);
  const auto pin = [&](const char* address) {
    clock_.Advance(absl::Seconds(1));
    return pins.Pin(ClientId::OfAddress(address), path_, NumberedState(1));
  };
  const auto is_there = [&](const std::string& id) {
    return pins.Find(id, path_).ok();
  };
  const std::string other = pin("10.0.0.2");
  const std::string first = pin("10.0.0.1");
  const std::string second = pin("10.0.0.1");
  const std::string third = pin("10.0.0.1");
  EXPECT_FALSE(is_there(first));
  EXPECT_TRUE(is_there(second));
  EXPECT_TRUE(is_there(third));
  EXPECT_TRUE(is_there(other));
  // Many may stand behind this one.
  const ClientId proxy =
      ClientId::OfAddress("10.0.0.3", ClientId::Bounds::kDoNotHold);
  const std::string behind = pins.Pin(proxy, path_, NumberedState(1));
  for (int i = 0; i < 5; ++i) pins.Pin(proxy, path_, NumberedState(1));
  EXPECT_TRUE(is_there(behind));
}

}  // namespace
}  // namespace restate
