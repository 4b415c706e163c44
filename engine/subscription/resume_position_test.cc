#include "engine/subscription/resume_position.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

Event At(Revision revision, int32_t index, std::string_view place,
         std::string_view pattern) {
  auto emission = std::make_shared<Emission>();
  emission->revision = revision;
  emission->index = index;
  emission->emitting_path = P("/a/b");
  auto delivery = std::make_shared<Delivery>();
  delivery->emission = std::move(emission);
  delivery->current_path = P(place);
  delivery->pattern =
      std::make_shared<const PathPattern>(*PathPattern::Parse(pattern));
  return Event{.delivery = std::move(delivery)};
}

// In the order of the contract: two operations of one commit, then another.
std::vector<Event> InOrder() {
  return {At(7, 0, "/a/b/c/d", "/a/b/c/d"), At(7, 0, "/a/b/x/y", "/a/b/*/y"),
          At(7, 0, "/a/b/c", "/a/b/c"),     At(7, 0, "/a/b", "/*/b"),
          At(7, 0, "/a/b", "/a/b"),         At(7, 0, "/a", "/a"),
          At(7, 0, "/", "/"),               At(7, 1, "/a/b", "/a/b"),
          At(7, 1, "/", "/"),               At(8, 0, "/", "/")};
}

TEST(ResumePosition, CoversWhatWasToldAndNothingElse) {
  const std::vector<Event> events = InOrder();
  for (size_t told = 0; told < events.size(); ++told) {
    const ResumePosition position = PositionAfter(events[told]);
    for (size_t i = 0; i < events.size(); ++i) {
      EXPECT_EQ(position.Covers(events[i]), i <= told) << told << " " << i;
    }
  }
  const ResumePosition whole = AfterAllOf(7);
  EXPECT_TRUE(whole.Covers(events[8]));
  EXPECT_FALSE(whole.Covers(events[9]));
}

TEST(ResumePosition, AResetComesBeforeTheEventsOfItsOperation) {
  const ResumePosition behind = PositionAfterReset(7, 1);
  EXPECT_EQ(behind.whole(), 6);
  for (const Event& event : InOrder()) {
    EXPECT_EQ(behind.Covers(event), event.emission().revision == 7 &&
                                        event.emission().index == 0);
  }
  EXPECT_TRUE(behind.CoversReset(6, 5));
  EXPECT_TRUE(behind.CoversReset(7, 0));
  EXPECT_TRUE(behind.CoversReset(7, 1));
  EXPECT_FALSE(behind.CoversReset(7, 2));
  EXPECT_FALSE(behind.CoversReset(8, 0));
  // An event of an operation comes behind its reset.
  const ResumePosition inside = PositionAfter(At(7, 1, "/a/b", "/a/b"));
  EXPECT_TRUE(inside.CoversReset(7, 1));
  EXPECT_FALSE(inside.CoversReset(7, 2));
  EXPECT_TRUE(AfterAllOf(7).CoversReset(7, 9));
  EXPECT_FALSE(AfterAllOf(7).CoversReset(8, 0));
}

TEST(ResetFloors, CoverWhatIsStrictlyBelow) {
  ResetFloors floors;
  floors.Add(P("/m"), 7);
  EXPECT_TRUE(floors.Cover(P("/m/a"), 7));
  EXPECT_FALSE(floors.Cover(P("/m/a"), 8));
  EXPECT_FALSE(floors.Cover(P("/m"), 7));
  EXPECT_FALSE(floors.Cover(P("/n/a"), 7));
  // One reset each of several places of one commit, but none that is older.
  EXPECT_TRUE(floors.CoverReset(P("/m"), 6));
  EXPECT_TRUE(floors.CoverReset(P("/m/a"), 6));
  EXPECT_FALSE(floors.CoverReset(P("/m/a"), 7));
  EXPECT_FALSE(floors.CoverReset(P("/"), 6));
  floors.Add(P("/m/a/b"), 9);
  EXPECT_EQ(floors.all().size(), 2u);
  // What a reset above has told takes their place, were it older.
  floors.Add(P("/m"), 8);
  EXPECT_FALSE(floors.Cover(P("/m/a/b/c"), 9));
  EXPECT_EQ(floors.all().size(), 1u);
  floors.ForgetThrough(7);
  EXPECT_FALSE(floors.empty());
  floors.ForgetThrough(8);
  EXPECT_TRUE(floors.empty());
  for (size_t i = 0; i < ResetFloors::kMaxFloors; ++i) {
    ASSERT_TRUE(floors.HasRoomFor(P("/" + std::to_string(i))));
    floors.Add(P("/" + std::to_string(i)), 1);
  }
  EXPECT_FALSE(floors.HasRoomFor(P("/more")));
}

TEST(ResumeToken, ComesBackAsItWas) {
  std::vector<ResumePosition> positions = {AfterAllOf(0), AfterAllOf(INT64_MAX),
                                           PositionAfterReset(7, 3)};
  for (const Event& event : InOrder()) positions.push_back(PositionAfter(event));
  positions.push_back(PositionAfter(At(3, 2, "/ü ~1:9~0/1", "/*/1")));
  for (size_t i = 0, plain = positions.size(); i < plain; ++i) {
    ResumePosition& floored = positions.emplace_back(positions[i]);
    floored.floors.Add(P("/m"), 9);
    floored.floors.Add(P("/ü ~1/n"), INT64_MAX);
  }
  for (size_t i = 0, whole = positions.size(); i < whole; ++i) {
    positions.emplace_back(positions[i]).coalesced_through = INT64_MAX;
  }
  for (const ResumePosition& position : positions) {
    const std::string token = EncodeResumeToken("0123abcd", position);
    EXPECT_TRUE(std::all_of(token.begin(), token.end(), [](unsigned char c) {
      return std::isalnum(c) || c == '-' || c == '_';
    })) << token;
    absl::StatusOr<ResumeToken> decoded = DecodeResumeToken(token);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->epoch, "0123abcd");
    EXPECT_EQ(decoded->position, position);
  }
}

// What a client kept from a server before resets named paths.
TEST(ResumeToken, OlderOnesAreRead) {
  // "11:e1:7" and "11:e1:71:04:/a/b2:/*".
  absl::StatusOr<ResumeToken> whole = DecodeResumeToken("MTE6ZTE6Nw");
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(whole->position, AfterAllOf(7));
  EXPECT_EQ(EncodeResumeToken("e", AfterAllOf(7)), "MTE6ZTE6Nw");
  absl::StatusOr<ResumeToken> inside =
      DecodeResumeToken("MTE6ZTE6NzE6MDQ6L2EvYjI6Lyo");
  ASSERT_TRUE(inside.ok()) << inside.status();
  EXPECT_EQ(inside->position, PositionAfter(At(7, 0, "/a/b", "/*")));
}

TEST(ResumeToken, TheNewestFormIsMadeOnlyWhereItIsNeeded) {
  ResumePosition position = AfterAllOf(7);
  position.floors.Add(P("/m"), 9);
  std::string record;
  ASSERT_TRUE(
      absl::WebSafeBase64Unescape(EncodeResumeToken("e", position), &record));
  EXPECT_EQ(record, "21:e1:71:-2:/m1:9");
  position.coalesced_through = 8;
  ASSERT_TRUE(
      absl::WebSafeBase64Unescape(EncodeResumeToken("e", position), &record));
  EXPECT_EQ(record, "31:e1:71:81:-2:/m1:9");
}

TEST(ResumeToken, MoreFloorsThanThereMayBeAreRefused) {
  std::string record = "21:e1:71:-";
  for (size_t i = 0; i <= ResetFloors::kMaxFloors; ++i) {
    const std::string path = "/" + std::to_string(1'000 + i);
    record += "5:" + path + "1:9";
  }
  EXPECT_EQ(ErrorReason(
                DecodeResumeToken(absl::WebSafeBase64Escape(record)).status()),
            "INVALID_REQUEST");
}

TEST(ResumeToken, NothingElseIsOne) {
  const std::string token =
      EncodeResumeToken("e", PositionAfter(InOrder().front()));
  for (size_t length = 0; length < token.size(); ++length) {
    // Cut where the record happens to end between two fields it is whole.
    absl::StatusOr<ResumeToken> cut =
        DecodeResumeToken(token.substr(0, length));
    if (cut.ok()) {
      EXPECT_FALSE(cut->position.point.has_value()) << length;
    } else {
      EXPECT_EQ(ErrorReason(cut.status()), "INVALID_REQUEST");
    }
  }
  for (const char* text : {"", "x", "MTA6", "not base64!", "MQ"}) {
    EXPECT_EQ(ErrorReason(DecodeResumeToken(text).status()),
              "INVALID_REQUEST")
        << text;
  }
}

}  // namespace
}  // namespace restate
