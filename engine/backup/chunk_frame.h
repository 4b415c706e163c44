#ifndef RESTATE_ENGINE_BACKUP_CHUNK_FRAME_H_
#define RESTATE_ENGINE_BACKUP_CHUNK_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace restate {

// The frame of a backup's chunks (docs/backup.md): a mark, a length, a number
// and a checksum, which goes on from that of the chunk before. So a chunk that
// is damaged, missing, repeated or in another place is found at the first byte
// that should not be there, and a backup is a stream of bytes: where one chunk
// ends and the next begins, it says itself.

// The bytes before a payload.
inline constexpr size_t kFrameHeaderBytes = 20;
// The most that a payload may have.
inline constexpr size_t kMaxChunkBytes = size_t{32} << 20;

// Puts payloads into frames. Thread-compatible.
class ChunkFramer {
 public:
  // REQUIRES: at most kMaxChunkBytes.
  std::string Frame(std::string_view payload);

 private:
  uint64_t next_ = 0;
  uint32_t checksum_ = 0;
};

// Takes them out again, from bytes that come in pieces of any size.
// Thread-compatible.
class ChunkUnframer {
 public:
  void Append(std::string_view bytes);
  // The next payload, or nothing until more bytes have come.
  //   INVALID_ARGUMENT / INVALID_REQUEST: this does not begin as a backup.
  //   DATA_LOSS / CORRUPT naming the chunk: it is damaged, or another one
  //     belongs here. Then so is every further call.
  absl::StatusOr<std::optional<std::string>> Next();
  // Bytes that no payload was made of yet.
  size_t pending_bytes() const { return pending_.size() - taken_; }
  // The number of the chunk that Next gives next.
  uint64_t next_chunk() const { return next_; }

 private:
  std::string pending_;
  // Of pending_, the bytes that are done with.
  size_t taken_ = 0;
  uint64_t next_ = 0;
  uint32_t checksum_ = 0;
};

// DATA_LOSS / CORRUPT for a backup in which chunk `number` is not as it should
// be.
absl::Status DamagedChunk(uint64_t number, std::string_view detail);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKUP_CHUNK_FRAME_H_
