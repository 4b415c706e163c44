#include "engine/backend/rocksdb/log_records.h"

#include <fstream>
#include <memory>
#include <string>

#include "rocksdb/file_checksum.h"

namespace restate::log_records {
namespace {

unsigned char ByteAt(std::string_view bytes, size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

bool IsZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

// Puts batches together from their records.
class BatchReader {
 public:
  BatchReader(absl::FunctionRef<void(std::string_view)> take,
              absl::FunctionRef<void(uint64_t)> damaged)
      : take_(take), damaged_(damaged) {}

  // `start` is where the block begins in the file. False at the log's end.
  bool ReadBlock(std::string_view block, uint64_t start, bool is_last) {
    size_t at = 0;
    while (at + kHeaderBytes <= block.size()) {
      if (IsZero(block.substr(at))) return true;
      if (IsIntact(block, at)) {
        const Header header = HeaderAt(block, at);
        AddRecord(header.kind,
                  block.substr(at + kHeaderBytes, header.length), start + at);
        at += kHeaderBytes + header.length;
        continue;
      }
      const std::optional<size_t> next = NextBatch(block, at + 1);
      const bool beyond =
          at + kHeaderBytes + HeaderAt(block, at).length > block.size();
      if (is_last && beyond && !next.has_value() && !WasComplete(block, at)) {
        return false;
      }
      Lose(start + at);
      if (!next.has_value()) return true;
      at = *next;
    }
    return true;
  }

 private:
  void AddRecord(unsigned char kind, std::string_view payload, uint64_t at) {
    const bool begins = kind == kFull || kind == kFirst;
    if (begins == open_) {
      // One that never ended, or the rest of one whose beginning is lost.
      if (!lost_) Lose(at);
    }
    if (!begins && !open_) return;
    if (begins) {
      batch_.clear();
      lost_ = false;
    }
    batch_.append(payload);
    open_ = kind == kFirst || kind == kMiddle;
    if (!open_) take_(batch_);
  }

  void Lose(uint64_t at) {
    damaged_(at);
    open_ = false;
    lost_ = true;
  }

  const absl::FunctionRef<void(std::string_view)> take_;
  const absl::FunctionRef<void(uint64_t)> damaged_;
  std::string batch_;
  // Whether a batch has begun and not ended.
  bool open_ = false;
  // Whether what came last was damage.
  bool lost_ = false;
};

}  // namespace

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

bool IsIntact(std::string_view block, size_t at) {
  const Header header = HeaderAt(block, at);
  return header.kind >= kFull && header.kind <= kLast &&
         header.length <= block.size() - at - kHeaderBytes &&
         MaskedCrc(header.kind, block.substr(at + kHeaderBytes,
                                             header.length)) == header.crc;
}

std::optional<size_t> NextBatch(std::string_view block, size_t from) {
  for (size_t at = from; at + kHeaderBytes < block.size(); ++at) {
    const Header header = HeaderAt(block, at);
    if ((header.kind == kFull || header.kind == kFirst) &&
        header.length > 0 && IsIntact(block, at)) {
      return at;
    }
  }
  return std::nullopt;
}

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

bool ReadLog(const std::filesystem::path& file,
             absl::FunctionRef<void(std::string_view batch)> take,
             absl::FunctionRef<void(uint64_t at)> damaged) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return false;
  BatchReader reader(take, damaged);
  std::string block(kBlockBytes, '\0');
  for (uint64_t start = 0; in; start += kBlockBytes) {
    in.read(block.data(), static_cast<std::streamsize>(kBlockBytes));
    const auto size = static_cast<size_t>(in.gcount());
    if (size == 0) break;
    const bool is_last =
        size < kBlockBytes || in.peek() == std::ifstream::traits_type::eof();
    if (!reader.ReadBlock(std::string_view(block).substr(0, size), start,
                          is_last)) {
      break;
    }
  }
  return true;
}

}  // namespace restate::log_records
