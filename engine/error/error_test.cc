#include "engine/error/error.h"

#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(ErrorTest, EachReasonHasItsCodeAndName) {
  struct Row {
    Reason reason;
    absl::StatusCode code;
    std::string_view name;
  };
  using absl::StatusCode;
  constexpr Row kRows[] = {
      {Reason::kInvalidPath, StatusCode::kInvalidArgument, "INVALID_PATH"},
      {Reason::kSessionLost, StatusCode::kNotFound, "SESSION_LOST"},
      {Reason::kCallbackNotFound, StatusCode::kNotFound, "CALLBACK_NOT_FOUND"},
      {Reason::kSubscriptionNotFound, StatusCode::kNotFound,
       "SUBSCRIPTION_NOT_FOUND"},
      {Reason::kCallNotFound, StatusCode::kNotFound, "CALL_NOT_FOUND"},
      {Reason::kRunNotFound, StatusCode::kNotFound, "RUN_NOT_FOUND"},
      {Reason::kTrackerNotFound, StatusCode::kNotFound, "TRACKER_NOT_FOUND"},
      {Reason::kTrackerLoop, StatusCode::kFailedPrecondition, "TRACKER_LOOP"},
      {Reason::kTooManyTrackers, StatusCode::kResourceExhausted,
       "TOO_MANY_TRACKERS"},
      {Reason::kTooManyDerivations, StatusCode::kResourceExhausted,
       "TOO_MANY_DERIVATIONS"},
      {Reason::kTooManyWaits, StatusCode::kResourceExhausted,
       "TOO_MANY_WAITS"},
      {Reason::kTooManySnapshots, StatusCode::kResourceExhausted,
       "TOO_MANY_SNAPSHOTS"},
      {Reason::kTooManyStreams, StatusCode::kResourceExhausted,
       "TOO_MANY_STREAMS"},
      {Reason::kMountNotFound, StatusCode::kNotFound, "MOUNT_NOT_FOUND"},
      {Reason::kMountExists, StatusCode::kAlreadyExists, "MOUNT_EXISTS"},
      {Reason::kNotExported, StatusCode::kNotFound, "NOT_EXPORTED"},
      {Reason::kNotStorable, StatusCode::kFailedPrecondition, "NOT_STORABLE"},
      {Reason::kNotEmpty, StatusCode::kFailedPrecondition, "NOT_EMPTY"},
      {Reason::kWrongStore, StatusCode::kFailedPrecondition, "WRONG_STORE"},
      {Reason::kMountNotAllowed, StatusCode::kFailedPrecondition,
       "MOUNT_NOT_ALLOWED"},
      {Reason::kTooManyMounts, StatusCode::kResourceExhausted,
       "TOO_MANY_MOUNTS"},
      {Reason::kTooManyThreads, StatusCode::kResourceExhausted,
       "TOO_MANY_THREADS"},
      {Reason::kDerivationNotFound, StatusCode::kNotFound,
       "DERIVATION_NOT_FOUND"},
      {Reason::kDerivedPath, StatusCode::kFailedPrecondition, "DERIVED_PATH"},
      {Reason::kCycle, StatusCode::kFailedPrecondition, "CYCLE"},
      {Reason::kDestNotEmpty, StatusCode::kFailedPrecondition,
       "DEST_NOT_EMPTY"},
      {Reason::kDerivationFailed, StatusCode::kFailedPrecondition,
       "DERIVATION_FAILED"},
      {Reason::kRemoteSource, StatusCode::kFailedPrecondition,
       "REMOTE_SOURCE"},
      {Reason::kExported, StatusCode::kFailedPrecondition, "EXPORTED"},
      {Reason::kConfiguredMount, StatusCode::kFailedPrecondition,
       "CONFIGURED_MOUNT"},
      {Reason::kCallbackExists, StatusCode::kAlreadyExists, "CALLBACK_EXISTS"},
      {Reason::kKindMismatch, StatusCode::kFailedPrecondition, "KIND_MISMATCH"},
      {Reason::kLuaSyntax, StatusCode::kInvalidArgument, "LUA_SYNTAX"},
      {Reason::kLuaError, StatusCode::kFailedPrecondition, "LUA_ERROR"},
      {Reason::kLuaBudget, StatusCode::kResourceExhausted, "LUA_BUDGET"},
      {Reason::kLuaMemory, StatusCode::kResourceExhausted, "LUA_MEMORY"},
      {Reason::kHistoryTooOld, StatusCode::kAborted, "HISTORY_TOO_OLD"},
      {Reason::kSessionTaken, StatusCode::kAborted, "SESSION_TAKEN"},
      {Reason::kEpochChanged, StatusCode::kOutOfRange, "EPOCH_CHANGED"},
      {Reason::kHistoryCompacted, StatusCode::kOutOfRange,
       "HISTORY_COMPACTED"},
      {Reason::kLeafTooLarge, StatusCode::kResourceExhausted, "LEAF_TOO_LARGE"},
      {Reason::kTooManySessions, StatusCode::kResourceExhausted,
       "TOO_MANY_SESSIONS"},
      {Reason::kTooManySubscriptions, StatusCode::kResourceExhausted,
       "TOO_MANY_SUBSCRIPTIONS"},
      {Reason::kOutcomeUnknown, StatusCode::kUnavailable, "OUTCOME_UNKNOWN"},
      {Reason::kCorrupt, StatusCode::kDataLoss, "CORRUPT"},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(CodeOf(row.reason), row.code) << row.name;
    EXPECT_EQ(ReasonName(row.reason), row.name);
  }
}

TEST(ErrorTest, NamesAreUpperSnakeAndDiffer) {
  std::set<std::string_view> names;
  const int last = static_cast<int>(Reason::kCorrupt);
  for (int i = 0; i <= last; ++i) {
    const std::string_view name = ReasonName(static_cast<Reason>(i));
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_"),
              std::string_view::npos)
        << name;
    EXPECT_NE(CodeOf(static_cast<Reason>(i)), absl::StatusCode::kOk);
  }
}

TEST(ErrorTest, CarriesReasonAndMetadata) {
  const std::map<std::string, std::string> metadata = {
      {"path", "/a:1/é"}, {"empty", ""}, {"nul", std::string("a\0b", 3)}};
  const absl::Status status =
      MakeError(Reason::kNotStorable, "mount /a is read-only", metadata);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "mount /a is read-only");
  EXPECT_EQ(ErrorReason(status), "NOT_STORABLE");
  EXPECT_EQ(ErrorMetadata(status), metadata);
}

TEST(ErrorTest, OtherStatusesHaveNoReason) {
  EXPECT_EQ(ErrorReason(absl::OkStatus()), "");
  EXPECT_EQ(ErrorReason(absl::InternalError("x")), "");
  EXPECT_THAT(ErrorMetadata(absl::InternalError("x")), IsEmpty());
}

TEST(ErrorTest, AnnotateKeepsReasonAndAddsMetadata) {
  const absl::Status status =
      Annotate(MakeError(Reason::kInvalidPath, "bad", {{"a", "1"}, {"b", "1"}}),
               "operation 3: ", {{"b", "2"}, {"operation", "3"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "operation 3: bad");
  EXPECT_EQ(ErrorReason(status), "INVALID_PATH");
  EXPECT_THAT(ErrorMetadata(status), ElementsAre(Pair("a", "1"), Pair("b", "2"),
                                                 Pair("operation", "3")));
}

TEST(ErrorTest, AnnotateLeavesOkAndOtherPayloadsAlone) {
  EXPECT_TRUE(Annotate(absl::OkStatus(), "x: ", {{"a", "1"}}).ok());
  absl::Status other = absl::InternalError("y");
  other.SetPayload("somebody/else", absl::Cord("z"));
  const absl::Status status = Annotate(other, "x: ");
  EXPECT_EQ(status.message(), "x: y");
  EXPECT_EQ(status.GetPayload("somebody/else"), absl::Cord("z"));
  EXPECT_EQ(ErrorReason(status), "");
}

}  // namespace
}  // namespace restate
