// The examples of docs/disk-format.md. Stores on disk depend on every byte.
#include "engine/backend/rocksdb/disk_format.h"

#include <string>
#include <string_view>

#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate::disk_format {
namespace {

// The bytes of a string literal, NULs included.
template <size_t kSize>
std::string Bytes(const char (&literal)[kSize]) {
  return std::string(literal, kSize - 1);
}

std::string LeafBytes(Revision revision, const Value& value) {
  std::string bytes;
  AppendLeaf(revision, value, &bytes);
  return bytes;
}

TEST(DiskFormatTest, TreeKeysAreMountThenPath) {
  EXPECT_EQ(TreeKey(1, Path::Parse("/users/1/name")->key()),
            Bytes("\0\0\0\1users\0" "1\0name\0"));
  EXPECT_EQ(TreeKey(258, ""), Bytes("\0\0\1\2"));
  EXPECT_EQ(TreeEnd(1), Bytes("\0\0\0\2"));
}

TEST(DiskFormatTest, LeavesAreFormatRevisionValue) {
  EXPECT_EQ(LeafBytes(300, Value::String("Alice")),
            Bytes("\x01\xac\x02\x2a\x05" "Alice"));
  EXPECT_EQ(LeafBytes(7, Value::Int(3)), Bytes("\x01\x07\x18\x03"));
  EXPECT_EQ(LeafBytes(7, Value::Null()), Bytes("\x01\x07\x08\0"));
  EXPECT_EQ(LeafBytes(7, Value::EmptyMap()), Bytes("\x01\x07\x42\0"));
}

TEST(DiskFormatTest, LeavesComeBack) {
  const Revision revision = int64_t{1} << 62;
  absl::StatusOr<Leaf> leaf =
      DecodeLeaf(LeafBytes(revision, Value::Bytes("x")));
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  EXPECT_EQ(leaf->revision, revision);
  EXPECT_TRUE(Value::Identical(leaf->value, Value::Bytes("x")));
}

TEST(DiskFormatTest, RefusesBytesThatAreNoLeaf) {
  for (const std::string& bytes : {
           Bytes(""),
           // An unknown format.
           Bytes("\x02\x07\x18\x03"),
           // The revision does not end.
           Bytes("\x01\xff"),
           Bytes("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
           // No value, half a value, a value cut off.
           Bytes("\x01\x07"),
           Bytes("\x01\x07\x18"),
           Bytes("\x01\x07\x2a\x05" "Ali"),
           // A map with a child.
           Bytes("\x01\x07\x42\x07\x0a\x05\x0a\x01\x61\x12\x00"),
       }) {
    SCOPED_TRACE(testing::PrintToString(bytes));
    EXPECT_EQ(DecodeLeaf(bytes).status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(ErrorReason(DecodeLeaf(bytes).status()), "CORRUPT");
  }
}

TEST(DiskFormatTest, CommitsAreTwoRevisionsAndAFlag) {
  const std::string bytes = EncodeCommits({300, 1'000'000, true});
  EXPECT_EQ(bytes, Bytes("\0\0\0\0\0\0\1\x2c" "\0\0\0\0\0\x0f\x42\x40" "\1"));
  std::optional<CommitsRecord> record = DecodeCommits(bytes);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->last_committed, 300);
  EXPECT_EQ(record->reserved, 1'000'000);
  EXPECT_TRUE(record->closed);
}

TEST(DiskFormatTest, RefusesBytesThatAreNoCommitsRecord) {
  EXPECT_FALSE(DecodeCommits("").has_value());
  EXPECT_FALSE(DecodeCommits(std::string(16, '\0')).has_value());
  std::string bytes = EncodeCommits({1, 1, false});
  bytes[16] = 2;
  EXPECT_FALSE(DecodeCommits(bytes).has_value());
  // More committed than reserved.
  EXPECT_FALSE(DecodeCommits(EncodeCommits({2, 1, false})).has_value());
  EXPECT_FALSE(DecodeCommits(std::string(17, '\xff')).has_value());
}

TEST(DiskFormatTest, NumbersAreBigEndian) {
  EXPECT_EQ(EncodeUint32(258), Bytes("\0\0\1\2"));
  EXPECT_EQ(DecodeUint32(Bytes("\0\0\1\2")), 258u);
  EXPECT_EQ(DecodeUint32("abc"), std::nullopt);
}

TEST(DiskFormatTest, HistoryKeys) {
  EXPECT_EQ(HistoryKey(300), std::string("\0\0\0\0\0\0\1\x2c", 8));
  const std::string deep = Path::Parse("/deep")->key();
  const std::string key = StopKey({300, 2, deep});
  EXPECT_EQ(key, std::string("\0\0\0\0\0\0\1\x2c\1\0\0\0\2"
                             "deep\0",
                             18));
  EXPECT_GT(key, HistoryKey(300));
  EXPECT_LT(key, HistoryKey(301));

  EXPECT_EQ(ParseHistoryKey(HistoryKey(300))->revision, 300);
  EXPECT_FALSE(ParseHistoryKey(HistoryKey(300))->stop.has_value());
  const std::optional<HistoryKeyParts> parts = ParseHistoryKey(key);
  ASSERT_TRUE(parts.has_value() && parts->stop.has_value());
  EXPECT_EQ(parts->revision, 300);
  EXPECT_EQ(parts->stop->index, 2);
  EXPECT_EQ(parts->stop->place, deep);
  for (size_t size = 0; size < 13; ++size) {
    if (size == 8) continue;
    EXPECT_FALSE(ParseHistoryKey(key.substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(ParseHistoryKey(std::string(8, '\xff')).has_value());
}

TEST(DiskFormatTest, Segments) {
  HistorySegment segment;
  segment.first = 1;
  segment.last = 300;
  segment.first_time = segment.last_time = absl::FromUnixSeconds(1);
  segment.bytes = 4'194'304;
  const std::string key = SegmentKey(300);
  const std::string bytes = EncodeSegment(segment);
  EXPECT_EQ(key, "segment:" + std::string("\0\0\0\0\0\0\1\x2c", 8));
  EXPECT_EQ(bytes, std::string("\0\0\0\0\0\0\0\1"
                               "\0\0\0\0\x3b\x9a\xca\0"
                               "\0\0\0\0\x3b\x9a\xca\0"
                               "\0\0\0\0\0\x40\0\0",
                               32));
  EXPECT_EQ(DecodeSegment(key, bytes), segment);
  EXPECT_FALSE(DecodeSegment(key, bytes.substr(1)).has_value());
  EXPECT_FALSE(DecodeSegment(SegmentKey(0), bytes).has_value())
      << "it ends before it begins";
  EXPECT_FALSE(DecodeSegment("segment:", bytes).has_value());
}

TEST(DiskFormatTest, Leases) {
  const LeaseTerms presence{"browser-7", absl::ZeroDuration()};
  EXPECT_EQ(EncodeLease(presence), std::string("\x01\0browser-7", 11));
  const LeaseTerms minute{"", absl::Minutes(1)};
  EXPECT_EQ(EncodeLease(minute), "\x01\xe0\xd4\x03");
  const LeaseTerms both{"s", absl::Hours(24 * 365)};
  for (const LeaseTerms& terms : {presence, minute, both}) {
    EXPECT_EQ(DecodeLease(EncodeLease(terms)), terms);
  }
  EXPECT_FALSE(DecodeLease("").has_value());
  EXPECT_FALSE(DecodeLease("browser-7").has_value());
  EXPECT_FALSE(DecodeLease(std::string("\x01\0", 2)).has_value())
      << "it would never end";
  EXPECT_FALSE(DecodeLease("\x01\xe0").has_value());
}

TEST(DiskFormatTest, Requests) {
  StoredRequest request;
  request.sequence = 300;
  request.identity.id =
      absl::MakeUint128(0x123e4567e89b42d3, 0xa456426614174000);
  request.identity.fingerprint = 5;
  request.time = absl::FromUnixSeconds(1);
  request.answer = "\x08\x07";
  const std::string key = RequestKey(300);
  const std::string bytes = EncodeRequest(request);
  EXPECT_EQ(key, std::string("\0\0\0\0\0\0\1\x2c", 8));
  EXPECT_EQ(bytes,
            std::string("\x01"
                        "\x12\x3e\x45\x67\xe8\x9b\x42\xd3"
                        "\xa4\x56\x42\x66\x14\x17\x40\0"
                        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5"
                        "\0\0\0\0\x3b\x9a\xca\0"
                        "\x08\x07",
                        43));
  const std::optional<StoredRequest> read = DecodeRequest(key, bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->sequence, 300u);
  EXPECT_EQ(read->identity, request.identity);
  EXPECT_EQ(read->time, request.time);
  EXPECT_EQ(read->answer, request.answer);
  EXPECT_FALSE(DecodeRequest(key, bytes.substr(0, 40)).has_value());
  EXPECT_FALSE(DecodeRequest(key, bytes.substr(1)).has_value());
  EXPECT_FALSE(DecodeRequest("key", bytes).has_value());
}

TEST(DiskFormatTest, Revisions) {
  EXPECT_EQ(DecodeRevision(EncodeRevision(300)), 300);
  EXPECT_FALSE(DecodeRevision("").has_value());
  EXPECT_FALSE(DecodeRevision(std::string(8, '\xff')).has_value());
}

TEST(DiskFormatTest, PathKeys) {
  EXPECT_EQ(DecodePathKey(""), Path());
  EXPECT_EQ(DecodePathKey(std::string("a\0b\0", 4)), *Path::Parse("/a/b"));
  EXPECT_FALSE(DecodePathKey("a").has_value());
  EXPECT_FALSE(DecodePathKey(std::string("\0", 1)).has_value());
  EXPECT_FALSE(DecodePathKey(std::string("a\0..\0", 5)).has_value());
  EXPECT_FALSE(DecodePathKey(std::string("\xff\0", 2)).has_value());
}

TEST(DiskFormatTest, Records) {
  EXPECT_EQ(RecordKey("mount/users"), "record:mount/users");
  EXPECT_EQ(EncodeRecord("x"), "\x01x");
  EXPECT_EQ(DecodeRecord("\x01x"), "x");
  EXPECT_EQ(DecodeRecord(EncodeRecord("")), "");
  EXPECT_FALSE(DecodeRecord("").has_value());
  EXPECT_FALSE(DecodeRecord("x").has_value());
}

TEST(DiskFormatTest, Journal) {
  const std::string key = JournalKey(2, 300, 1);
  EXPECT_EQ(key, std::string("\0\0\0\2\0\0\0\0\0\0\1\x2c\0\0\0\1", 16));
  EXPECT_LT(key, JournalKey(2, 300, 2));
  EXPECT_LT(JournalKey(2, 300, 2), JournalKey(2, 301, 0));
  Write write;
  write.path = *Path::Parse("/a");
  write.value = Value::Int(3);
  write.revision = 300;
  const std::string bytes = EncodeJournal(write);
  EXPECT_EQ(bytes, std::string("\1\0\2a\0\x18\x03", 7));
  std::optional<Write> read = DecodeJournal(key, bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->path, write.path);
  EXPECT_EQ(read->scope, Write::Scope::kSubtree);
  EXPECT_EQ(read->value, write.value);
  EXPECT_EQ(read->revision, 300);

  write.path = Path();
  write.scope = Write::Scope::kOwnValue;
  write.value = std::nullopt;
  const std::string deleting = EncodeJournal(write);
  EXPECT_EQ(deleting, std::string("\1\1\0", 3));
  read = DecodeJournal(key, deleting);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->scope, Write::Scope::kOwnValue);
  EXPECT_EQ(read->value, std::nullopt);

  EXPECT_FALSE(DecodeJournal(key, "").has_value());
  EXPECT_FALSE(DecodeJournal(key.substr(1), bytes).has_value());
  EXPECT_FALSE(DecodeJournal(key, bytes.substr(1)).has_value());
  EXPECT_FALSE(DecodeJournal(key, std::string("\1\2\0", 3)).has_value())
      << "no such scope";
  EXPECT_FALSE(DecodeJournal(key, bytes.substr(0, 4)).has_value())
      << "it ends in its path";
  EXPECT_FALSE(DecodeJournal(key, bytes.substr(0, 6)).has_value())
      << "it ends in its value";
}

}  // namespace
}  // namespace restate::disk_format
