#include "engine/backend/rocksdb/newest_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/backend/rocksdb/rocksdb_status.h"

namespace restate {
namespace {

namespace fs = std::filesystem;

constexpr char kFileName[] = "NEWEST_LOG";

// The highest number of a log in the directory; 0 if there is none. Nothing if it
// cannot be looked at.
std::optional<uint64_t> HighestLog(const std::string& directory) {
  uint64_t highest = 0;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    uint64_t number = 0;
    if (it->path().extension() == ".log" &&
        absl::SimpleAtoi(it->path().stem().string(), &number)) {
      highest = std::max(highest, number);
    }
  }
  if (error) return std::nullopt;
  return highest;
}

}  // namespace

void NewestLog::Note() const {
  const fs::path path = fs::path(directory_) / kFileName;
  const std::string temporary = path.string() + ".new";
  const std::optional<uint64_t> highest = HighestLog(directory_);
  if (!highest.has_value()) return;
  const std::string text = absl::StrCat(*highest, "\n");
  const int fd = open(temporary.c_str(),
                      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  const bool written =
      write(fd, text.data(), text.size()) ==
          static_cast<ssize_t>(text.size()) &&
      fsync(fd) == 0;
  close(fd);
  std::error_code ignored;
  if (written) {
    fs::rename(temporary, path, ignored);
  } else {
    fs::remove(temporary, ignored);
  }
}

void NewestLog::Forget(const std::string& directory) {
  std::error_code ignored;
  fs::remove(fs::path(directory) / kFileName, ignored);
}

absl::Status NewestLog::Check(const std::string& directory) {
  const fs::path note = fs::path(directory) / kFileName;
  std::ifstream in(note);
  std::error_code error;
  if (!in.is_open() && fs::exists(note, error)) {
    return CannotLook(directory, kFileName);
  }
  uint64_t number = 0;
  // Without a note there is nothing to miss: an older server wrote none.
  if (!(in >> number)) return absl::OkStatus();
  const std::optional<uint64_t> highest = HighestLog(directory);
  if (!highest.has_value()) return CannotLook(directory, "it");
  if (number <= *highest) return absl::OkStatus();
  return DamagedStore(
      directory, absl::StrFormat("its newest log, %06d.log, is missing, and "
                                 "with it the last commits",
                                 number));
}

}  // namespace restate
