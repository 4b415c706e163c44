#include "engine/backend/rocksdb/log_check.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "engine/backend/rocksdb/rocksdb_status.h"
#include "rocksdb/file_checksum.h"

namespace restate {
namespace {

// A log is a row of blocks; a record does not go beyond its block: checksum,
// length, kind, payload.
constexpr size_t kBlockBytes = 32'768;
constexpr size_t kHeaderBytes = 7;
// A whole batch, or its beginning, middle and end.
constexpr unsigned char kFull = 1;
constexpr unsigned char kFirst = 2;
constexpr unsigned char kLast = 4;

unsigned char ByteAt(std::string_view bytes, size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

// What the checksum of a record is: over its kind and its payload.
uint32_t MaskedCrc(unsigned char kind, std::string_view payload) {
  static const auto* const factory =
      new std::shared_ptr<::rocksdb::FileChecksumGenFactory>(
          ::rocksdb::GetFileChecksumGenCrc32cFactory());
  std::unique_ptr<::rocksdb::FileChecksumGenerator> generator =
      (*factory)->CreateFileChecksumGenerator({});
  const char kind_byte = static_cast<char>(kind);
  generator->Update(&kind_byte, 1);
  generator->Update(payload.data(), payload.size());
  generator->Finalize();
  uint32_t crc = 0;
  for (char byte : generator->GetChecksum()) {
    crc = crc << 8 | static_cast<unsigned char>(byte);
  }
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

struct Header {
  uint32_t crc = 0;
  size_t length = 0;
  unsigned char kind = 0;
};

// REQUIRES: kHeaderBytes are there.
Header HeaderAt(std::string_view block, size_t at) {
  Header header;
  for (size_t i = 4; i-- > 0;) {
    header.crc = header.crc << 8 | ByteAt(block, at + i);
  }
  header.length = ByteAt(block, at + 4) |
                  static_cast<size_t>(ByteAt(block, at + 5)) << 8;
  header.kind = ByteAt(block, at + 6);
  return header;
}

bool IsZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

// Whether a record at `at` that claims to be longer than what is there was in
// fact written to its end, and its length or kind has been damaged since.
bool WasComplete(std::string_view block, size_t at) {
  const Header header = HeaderAt(block, at);
  const std::string_view rest = block.substr(at + kHeaderBytes);
  for (unsigned char kind = kFull; kind <= kLast; ++kind) {
    // Nearly always only the length can be wrong.
    if (kind != header.kind && header.kind >= kFull && header.kind <= kLast) {
      continue;
    }
    for (size_t length = 1; length <= rest.size(); ++length) {
      if (MaskedCrc(kind, rest.substr(0, length)) == header.crc) return true;
    }
  }
  return false;
}

// Whether a batch begins, with a record that is intact, at or after `from`.
bool BatchBeginsAfter(std::string_view block, size_t from) {
  for (size_t at = from; at + kHeaderBytes < block.size(); ++at) {
    const Header header = HeaderAt(block, at);
    if ((header.kind != kFull && header.kind != kFirst) ||
        header.length == 0 ||
        header.length > block.size() - at - kHeaderBytes) {
      continue;
    }
    if (MaskedCrc(header.kind, block.substr(at + kHeaderBytes,
                                            header.length)) == header.crc) {
      return true;
    }
  }
  return false;
}

// What one block comes to.
struct BlockResult {
  // Where the first damage is.
  std::optional<size_t> damaged_at;
  // The log ends in it: what comes after has to be zeros.
  bool ended = false;
};

BlockResult CheckBlock(std::string_view block, bool is_last) {
  size_t at = 0;
  while (at + kHeaderBytes <= block.size()) {
    const Header header = HeaderAt(block, at);
    if (header.crc == 0 && header.length == 0 && header.kind == 0) {
      if (!IsZero(block.substr(at))) return {at};
      return {std::nullopt, /*ended=*/true};
    }
    if (at + kHeaderBytes + header.length > block.size()) {
      if (!is_last || WasComplete(block, at) ||
          BatchBeginsAfter(block, at + 1)) {
        return {at};
      }
      return {};
    }
    if (header.kind < kFull || header.kind > kLast ||
        MaskedCrc(header.kind, block.substr(at + kHeaderBytes,
                                            header.length)) != header.crc) {
      return {at};
    }
    at += kHeaderBytes + header.length;
  }
  return {};
}

absl::Status CheckLog(const std::filesystem::path& file,
                      const std::string& directory) {
  std::ifstream in(file, std::ios::binary);
  std::string block(kBlockBytes, '\0');
  bool ended = false;
  for (uint64_t start = 0; in; start += kBlockBytes) {
    in.read(block.data(), static_cast<std::streamsize>(kBlockBytes));
    const auto size = static_cast<size_t>(in.gcount());
    if (size == 0) break;
    const std::string_view bytes = std::string_view(block).substr(0, size);
    const bool is_last =
        size < kBlockBytes || in.peek() == std::ifstream::traits_type::eof();
    BlockResult result;
    if (!ended) {
      result = CheckBlock(bytes, is_last);
      ended = result.ended;
    } else if (!IsZero(bytes)) {
      result.damaged_at = 0;
    }
    if (result.damaged_at.has_value()) {
      return DamagedStore(
          directory, absl::StrCat("the log ", file.filename().string(),
                                  " is unreadable at byte ",
                                  start + *result.damaged_at,
                                  ", before its end"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckLogs(const std::string& directory) {
  namespace fs = std::filesystem;
  std::string manifest;
  std::ifstream current(fs::path(directory) / "CURRENT");
  std::getline(current, manifest);
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    const fs::path file = it->path();
    if (file.extension() != ".log" && file.filename() != manifest) continue;
    if (absl::Status status = CheckLog(file, directory); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace restate
