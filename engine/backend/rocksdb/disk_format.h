#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_DISK_FORMAT_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_DISK_FORMAT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/backend/commit_store.h"
#include "engine/backend/history_log.h"
#include "engine/path/path.h"
#include "engine/value/value.h"

// The bytes of docs/disk-format.md. Functions that read return nothing, or an
// error, for bytes that cannot be what this code wrote.
namespace restate::disk_format {

// The version of the whole layout: meta's "format".
inline constexpr uint32_t kFormatVersion = 1;

// The column families.
inline constexpr char kTreeFamily[] = "tree";
inline constexpr char kMetaFamily[] = "meta";
inline constexpr char kHistoryFamily[] = "history";
inline constexpr char kRequestsFamily[] = "requests";
inline constexpr char kJournalFamily[] = "journal";

// Keys of the meta family.
inline constexpr std::string_view kFormatKey = "format";
inline constexpr std::string_view kEpochKey = "epoch";
inline constexpr std::string_view kCommitsKey = "commits";
inline constexpr std::string_view kNextMountKey = "next_mount";
// Followed by the key of the mount point's path.
inline constexpr std::string_view kMountKeyPrefix = "mount:";
// Followed by the key of the path.
inline constexpr std::string_view kLeaseKeyPrefix = "lease:";
// Followed by the key of a small record.
inline constexpr std::string_view kRecordKeyPrefix = "record:";
inline constexpr std::string_view kForgottenKey = "forgotten";
inline constexpr std::string_view kHistoryClockKey = "history_clock";
// Followed by the revision of the segment's last commit.
inline constexpr std::string_view kSegmentKeyPrefix = "segment:";

// What meta's "commits" holds.
struct CommitsRecord {
  Revision last_committed = 0;
  // No revision above it was given out.
  Revision reserved = 0;
  // Written by Close, when `reserved` became the last revision given out.
  bool closed = false;
};
std::string EncodeCommits(const CommitsRecord& record);
std::optional<CommitsRecord> DecodeCommits(std::string_view bytes);

// The format version, mount ids and the next mount id: 4 bytes, big-endian.
std::string EncodeUint32(uint32_t number);
std::optional<uint32_t> DecodeUint32(std::string_view bytes);

// What meta's "history_clock" holds: nanoseconds, 8 bytes, big-endian, signed.
std::string EncodeDuration(absl::Duration duration);
std::optional<absl::Duration> DecodeDuration(std::string_view bytes);

// What meta's "forgotten" holds.
std::string EncodeRevision(Revision revision);
std::optional<Revision> DecodeRevision(std::string_view bytes);

// A lease, in meta.
std::string EncodeLease(const LeaseTerms& terms);
std::optional<LeaseTerms> DecodeLease(std::string_view bytes);

// An answered request: a record of the requests family.
std::string RequestKey(uint64_t sequence);
std::string EncodeRequest(const StoredRequest& request);
std::optional<StoredRequest> DecodeRequest(std::string_view key,
                                           std::string_view bytes);

// The path with these bytes as its key.
std::optional<Path> DecodePathKey(std::string_view bytes);

// A small record, in meta. Its value is never empty on the disk.
std::string RecordKey(std::string_view key);
std::string EncodeRecord(std::string_view value);
std::optional<std::string> DecodeRecord(std::string_view bytes);

// A write to a mount that is kept apart: a record of the journal family.
// `number` counts the writes of one commit to that mount.
std::string JournalKey(uint32_t mount, Revision revision, uint32_t number);
// Ignores Write::before; the revision is in the key.
std::string EncodeJournal(const Write& write);
std::optional<Write> DecodeJournal(std::string_view key,
                                   std::string_view bytes);

// A finished segment of the history, in meta.
std::string SegmentKey(Revision last);
std::string EncodeSegment(const HistorySegment& segment);
std::optional<HistorySegment> DecodeSegment(std::string_view key,
                                            std::string_view bytes);

// Keys of the history family: a commit's, and those of its stops, which come
// right after it.
std::string HistoryKey(Revision revision);
std::string StopKey(const HistoryStop& stop);
// The only value of a stop: its format.
inline constexpr std::string_view kStopRecord = "\x01";
// What a key of the history family names.
struct HistoryKeyParts {
  Revision revision = 0;
  // `place` is a view of the key.
  std::optional<HistoryStop> stop;
};
std::optional<HistoryKeyParts> ParseHistoryKey(std::string_view key);

// The size of the mount id in front of each key of the tree family.
inline constexpr size_t kMountIdBytes = 4;
// A key of the tree family. `path_key` may be any bytes, also
// Path::SubtreeEnd(), except that an empty end is TreeEnd.
std::string TreeKey(uint32_t mount, std::string_view path_key);
// The first key after those of a mount.
std::string TreeEnd(uint32_t mount);

// A value of the tree family, appended to `bytes`.
void AppendLeaf(Revision revision, const Value& value, std::string* bytes);
struct Leaf {
  // The commit that wrote it.
  Revision revision = 0;
  Value value;
};
// DATA_LOSS / CORRUPT saying what is wrong with the bytes.
absl::StatusOr<Leaf> DecodeLeaf(std::string_view bytes);

}  // namespace restate::disk_format

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_DISK_FORMAT_H_
