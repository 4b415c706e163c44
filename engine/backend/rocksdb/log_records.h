#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_LOG_RECORDS_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_LOG_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"

// How RocksDB frames what it writes to a log: write-ahead logs and MANIFESTs. A
// log is a row of blocks; a record does not go beyond its block: checksum,
// length, kind, payload.
namespace restate::log_records {

inline constexpr size_t kBlockBytes = 32'768;
inline constexpr size_t kHeaderBytes = 7;
// A whole batch, or its beginning, middle and end.
inline constexpr unsigned char kFull = 1;
inline constexpr unsigned char kFirst = 2;
inline constexpr unsigned char kMiddle = 3;
inline constexpr unsigned char kLast = 4;

struct Header {
  uint32_t crc = 0;
  size_t length = 0;
  unsigned char kind = 0;
};
// REQUIRES: kHeaderBytes are there.
Header HeaderAt(std::string_view block, size_t at);

// What the checksum of a record is: over its kind and its payload.
uint32_t MaskedCrc(unsigned char kind, std::string_view payload);

// Whether the record at `at` is as it was written.
bool IsIntact(std::string_view block, size_t at);

// Where, at or after `from`, a batch begins with a record that is intact.
std::optional<size_t> NextBatch(std::string_view block, size_t from);

// Whether a record at `at` that claims to be longer than what is there was in
// fact written to its end, and its length or kind has been damaged since.
bool WasComplete(std::string_view block, size_t at);

// Gives every batch of a log that is intact to `take`, in order. Calls `damaged`
// with the byte where something is unreadable, and goes on with the next batch
// that is not. An end that a crash cut off is not damage. False if the file
// cannot be opened.
bool ReadLog(const std::filesystem::path& file,
             absl::FunctionRef<void(std::string_view batch)> take,
             absl::FunctionRef<void(uint64_t at)> damaged);

}  // namespace restate::log_records

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_LOG_RECORDS_H_
