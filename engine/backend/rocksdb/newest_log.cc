#include "engine/backend/rocksdb/newest_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/backend/rocksdb/rocksdb_status.h"

namespace restate {
namespace {

namespace fs = std::filesystem;

constexpr char kFileName[] = "NEWEST_LOG";

// The highest number of a log in the directory; 0 if there is none.
uint64_t HighestLog(const std::string& directory) {
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
  return highest;
}

}  // namespace

void NewestLog::Note() const {
  const fs::path path = fs::path(directory_) / kFileName;
  const std::string temporary = path.string() + ".new";
  const std::string text = absl::StrCat(HighestLog(directory_), "\n");
  const int fd = open(temporary.c_str(),
                      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
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
  std::ifstream in(fs::path(directory) / kFileName);
  uint64_t number = 0;
  // Without a note there is nothing to miss: an older server wrote none.
  if (!(in >> number) || number <= HighestLog(directory)) {
    return absl::OkStatus();
  }
  return DamagedStore(
      directory, absl::StrFormat("its newest log, %06d.log, is missing, and "
                                 "with it the last commits",
                                 number));
}

}  // namespace restate
