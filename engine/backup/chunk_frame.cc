#include "engine/backup/chunk_frame.h"

#include <zlib.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"

namespace restate {
namespace {

constexpr std::string_view kMark = "RSTB";
// Mark, length and number: what the checksum covers besides the payload.
constexpr size_t kCheckedBytes = 16;

void AppendBigEndian(uint64_t number, size_t bytes, std::string* out) {
  for (size_t i = bytes; i-- > 0;) {
    out->push_back(static_cast<char>(number >> (8 * i)));
  }
}

uint64_t ReadBigEndian(std::string_view bytes) {
  uint64_t number = 0;
  for (char byte : bytes) {
    number = number << 8 | static_cast<unsigned char>(byte);
  }
  return number;
}

// CRC-32 as everybody's zlib has it, continued.
uint32_t Continue(uint32_t checksum, std::string_view bytes) {
  return static_cast<uint32_t>(
      ::crc32_z(checksum, reinterpret_cast<const Bytef*>(bytes.data()),
                bytes.size()));
}

}  // namespace

absl::Status DamagedChunk(uint64_t number, std::string_view detail) {
  return MakeError(
      Reason::kCorrupt,
      absl::StrCat("the backup is damaged: chunk ", number, " ",
                   AbslView(detail), "; use another copy of it"),
      {{"chunk", absl::StrCat(number)}});
}

std::string ChunkFramer::Frame(std::string_view payload) {
  std::string frame;
  frame.reserve(kFrameHeaderBytes + payload.size());
  frame.append(kMark);
  AppendBigEndian(payload.size(), 4, &frame);
  AppendBigEndian(next_++, 8, &frame);
  checksum_ = Continue(Continue(checksum_, frame), payload);
  AppendBigEndian(checksum_, 4, &frame);
  frame.append(payload);
  return frame;
}

void ChunkUnframer::Append(std::string_view bytes) {
  if (taken_ == pending_.size()) {
    pending_.clear();
    taken_ = 0;
  } else if (taken_ > pending_.size() / 2) {
    pending_.erase(0, taken_);
    taken_ = 0;
  }
  pending_.append(bytes);
}

absl::StatusOr<std::optional<std::string>> ChunkUnframer::Next() {
  const std::string_view rest = std::string_view(pending_).substr(taken_);
  const std::string_view mark = rest.substr(0, kMark.size());
  if (!kMark.starts_with(mark)) {
    if (next_ > 0) return DamagedChunk(next_, "does not begin as one");
    return MakeError(Reason::kInvalidRequest,
                     "this is no backup: it does not begin as one; send the "
                     "bytes that Backup gave, from the first on");
  }
  if (rest.size() < kFrameHeaderBytes) return std::nullopt;
  const uint64_t length = ReadBigEndian(rest.substr(4, 4));
  const uint64_t number = ReadBigEndian(rest.substr(8, 8));
  if (length > kMaxChunkBytes) return DamagedChunk(next_, "is too long");
  if (number != next_) {
    return DamagedChunk(
        next_, absl::StrCat("is not there, chunk ", number, " is"));
  }
  if (rest.size() < kFrameHeaderBytes + length) return std::nullopt;
  const std::string_view payload = rest.substr(kFrameHeaderBytes, length);
  const uint32_t checksum =
      Continue(Continue(checksum_, rest.substr(0, kCheckedBytes)), payload);
  if (checksum != ReadBigEndian(rest.substr(kCheckedBytes, 4))) {
    return DamagedChunk(next_, "does not have its checksum");
  }
  checksum_ = checksum;
  ++next_;
  taken_ += kFrameHeaderBytes + length;
  return std::string(payload);
}

}  // namespace restate
