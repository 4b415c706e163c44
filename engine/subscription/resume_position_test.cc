#include "engine/subscription/resume_position.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

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
  const ResumePosition whole{7, std::nullopt};
  EXPECT_TRUE(whole.Covers(events[8]));
  EXPECT_FALSE(whole.Covers(events[9]));
}

TEST(ResumeToken, ComesBackAsItWas) {
  std::vector<ResumePosition> positions = {{0, std::nullopt},
                                           {INT64_MAX, std::nullopt}};
  for (const Event& event : InOrder()) positions.push_back(PositionAfter(event));
  positions.push_back(PositionAfter(At(3, 2, "/ü ~1:9~0/1", "/*/1")));
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
