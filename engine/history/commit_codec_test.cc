#include "engine/history/commit_codec.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "engine/error/error.h"
#include "engine/history/testing/random_commits.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

std::string Encode(const SequencedCommit& commit) {
  CommitEncoder encoder;
  std::string bytes;
  encoder.Append(commit, &bytes);
  return bytes;
}

void ExpectRoundTrip(const SequencedCommit& commit) {
  const std::string bytes = Encode(commit);
  absl::StatusOr<SequencedCommit> decoded =
      DecodeCommit(commit.revision, bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ExpectSameCommit(*decoded, commit);
  EXPECT_EQ(*DecodeCommitTime(commit.revision, bytes), commit.commit_time);
}

SequencedCommit CommitOf(std::vector<Effect> effects) {
  SequencedCommit commit;
  commit.revision = 7;
  commit.commit_time = absl::FromUnixNanos(1'700'000'000'123'456'789);
  commit.effects = std::move(effects);
  return commit;
}

TEST(CommitCodecTest, EveryKindOfValueComesBackExactly) {
  const std::vector<Value> values = {
      Value::Null(),
      Value::Bool(false),
      Value::Bool(true),
      Value::Int(0),
      Value::Int(std::numeric_limits<int64_t>::min()),
      Value::Double(-0.0),
      Value::Double(1.0),
      Value::Double(std::nan("")),
      Value::Double(std::numeric_limits<double>::infinity()),
      Value::String(""),
      Value::String("grüße"),
      Value::Bytes(std::string("\0\xff", 2)),
      Value::MakeList({}),
      Value::MakeList({Value::Int(1), Value::EmptyMap(),
                       Value::MakeList({Value::Null()})}),
      Value::EmptyMap(),
      Value::MakeMap(Value::Map()
                         .Set("/", Value::Int(3))
                         .Set("a", Value::MakeMap(Value::Map().Set(
                                       "b", Value::String("c")))))};
  for (const Value& value : values) {
    Effect set;
    set.path = P("/a/b");
    set.after = value;
    Effect gone = set;
    gone.index = 1;
    gone.kind = Effect::Kind::kDelete;
    std::swap(gone.before, gone.after);
    Effect ping = set;
    ping.index = 2;
    ping.kind = Effect::Kind::kPing;
    ping.before = ping.after;
    ping.payload = value;
    ExpectRoundTrip(CommitOf({set, gone, ping}));
  }
}

TEST(CommitCodecTest, AbsentAndNullAreToldApart) {
  Effect effect;
  effect.before = Value::Null();
  effect.default_value = Value::Null();
  ExpectRoundTrip(CommitOf({effect}));
  effect.before.reset();
  effect.default_value.reset();
  effect.after = Value::Null();
  ExpectRoundTrip(CommitOf({effect}));
}

TEST(CommitCodecTest, MarksAndFlagsAreKept) {
  for (int bits = 0; bits < 16; ++bits) {
    Effect effect;
    effect.path = P("/big");
    effect.complete = (bits & 1) == 0;
    effect.after_incomplete = (bits & 2) != 0;
    effect.below_unknown = (bits & 4) != 0;
    effect.skip_notify = (bits & 8) != 0;
    ExpectRoundTrip(CommitOf({effect}));
  }
}

TEST(CommitCodecTest, OriginsAndTimesAreKept) {
  for (CommitOrigin origin : {CommitOrigin::kClient, CommitOrigin::kMount,
                              CommitOrigin::kExpired, CommitOrigin::kFile,
                              CommitOrigin::kDerivation}) {
    SequencedCommit commit = CommitOf({Effect()});
    commit.origin = origin;
    for (int64_t nanos : {int64_t{0}, int64_t{-1}, int64_t{1}}) {
      commit.commit_time = absl::FromUnixNanos(nanos);
      ExpectRoundTrip(commit);
    }
  }
}

TEST(CommitCodecTest, PathsShareTheirBeginnings) {
  std::vector<Effect> effects;
  for (const char* path : {"/users/1/name", "/users/1/role", "/users/10",
                           "/users", "/", "/users/1/name", "/v"}) {
    Effect effect;
    effect.index = static_cast<int32_t>(effects.size());
    effect.path = P(path);
    effect.after = Value::Int(1);
    effects.push_back(effect);
  }
  ExpectRoundTrip(CommitOf(effects));
  // The second of two long paths costs little.
  Effect deep;
  deep.path = Path().Child(std::string(255, 'x')).Child("a");
  Effect next = deep;
  next.path = deep.path.parent().Child("b");
  EXPECT_LT(Encode(CommitOf({deep, next})).size(),
            Encode(CommitOf({deep})).size() + 30);
}

TEST(CommitCodecTest, RandomCommitsComeBack) {
  RandomCommits random;
  CommitEncoder encoder;
  for (int i = 0; i < 300; ++i) {
    const SequencedCommit commit = random.Next();
    std::string bytes = "before";
    encoder.Append(commit, &bytes);
    absl::StatusOr<SequencedCommit> decoded =
        DecodeCommit(commit.revision, std::string_view(bytes).substr(6));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    ExpectSameCommit(*decoded, commit);
  }
}

TEST(CommitCodecTest, DamageIsDataLossAndNeverACrash) {
  RandomCommits random;
  for (int i = 0; i < 100; ++i) {
    const std::string bytes = Encode(random.Next());
    for (size_t size = 0; size < bytes.size(); size += 7) {
      absl::StatusOr<SequencedCommit> cut =
          DecodeCommit(7, std::string_view(bytes).substr(0, size));
      if (cut.ok()) continue;
      EXPECT_EQ(cut.status().code(), absl::StatusCode::kDataLoss);
      EXPECT_EQ(ErrorReason(cut.status()), "CORRUPT");
      EXPECT_EQ(ErrorMetadata(cut.status())["revision"], "7");
    }
    std::string flipped = bytes;
    flipped[random.Below(flipped.size())] ^= 1 << random.Below(8);
    DecodeCommit(7, flipped).status().IgnoreError();
  }
  EXPECT_EQ(DecodeCommit(7, "").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(DecodeCommit(7, "\x02").status().message().find("format"),
            absl::string_view::npos);
  EXPECT_EQ(ErrorReason(DecodeCommitTime(7, "\x01\x09short").status()),
            "CORRUPT");
}

TEST(CommitCodecTest, APathThatNoClientCouldWriteIsDamage) {
  for (const std::string& key :
       {std::string("a"), std::string("\0", 1), std::string("..\0", 3),
        std::string("\xff\0", 2)}) {
    storage::v1::HistoryRecord record;
    record.set_origin(storage::v1::RECORDED_ORIGIN_CLIENT);
    storage::v1::RecordedOperation* operation = record.add_operations();
    operation->set_kind(storage::v1::RECORDED_KIND_SET);
    operation->set_path(key);
    const std::string bytes = "\x01" + record.SerializeAsString();
    EXPECT_EQ(ErrorReason(DecodeCommit(1, bytes).status()), "CORRUPT");
  }
}

}  // namespace
}  // namespace restate
