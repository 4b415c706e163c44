#include "engine/backend/rocksdb/log_check.h"

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "engine/backend/rocksdb/log_records.h"
#include "engine/backend/rocksdb/rocksdb_status.h"

namespace restate {
namespace {

using log_records::HeaderAt;
using log_records::IsIntact;
using log_records::kBlockBytes;
using log_records::kHeaderBytes;

bool IsZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
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
    const log_records::Header header = HeaderAt(block, at);
    if (header.crc == 0 && header.length == 0 && header.kind == 0) {
      if (!IsZero(block.substr(at))) return {at};
      return {std::nullopt, /*ended=*/true};
    }
    if (at + kHeaderBytes + header.length > block.size()) {
      if (!is_last || log_records::WasComplete(block, at) ||
          log_records::NextBatch(block, at + 1).has_value()) {
        return {at};
      }
      return {};
    }
    if (!IsIntact(block, at)) return {at};
    at += kHeaderBytes + header.length;
  }
  return {};
}

absl::Status CheckLog(const std::filesystem::path& file,
                      const std::string& directory) {
  std::ifstream in(file, std::ios::binary);
  if (!in.is_open()) return CannotLook(directory, file.filename().string());
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
  std::error_code error;
  if (!current.is_open() &&
      fs::exists(fs::path(directory) / "CURRENT", error)) {
    return CannotLook(directory, "CURRENT");
  }
  std::getline(current, manifest);
  for (fs::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    const fs::path file = it->path();
    if (file.extension() != ".log" && file.filename() != manifest) continue;
    if (absl::Status status = CheckLog(file, directory); !status.ok()) {
      return status;
    }
  }
  // What was not looked at may be damaged.
  if (error && error != std::errc::no_such_file_or_directory) {
    errno = error.value();
    return CannotLook(directory, "it");
  }
  return absl::OkStatus();
}

}  // namespace restate
