#include "engine/backend/rocksdb/data_file_probe.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "engine/backend/rocksdb/rocksdb_status.h"
#include "rocksdb/options.h"
#include "rocksdb/sst_file_reader.h"

namespace restate {
namespace {

[[noreturn]] void OpenAndExit(const std::string& path, bool whole) {
  // What it says at its end is of no use to anybody, and neither is a core.
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null >= 0) dup2(null, STDERR_FILENO);
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  ::rocksdb::SstFileReader reader((::rocksdb::Options()));
  const bool opens = reader.Open(path).ok();
  _exit(opens && (!whole || reader.VerifyChecksum().ok()) ? 0 : 1);
}

}  // namespace

DataFileState ProbeDataFile(const std::string& path, bool whole) {
  const pid_t child = fork();
  if (child == 0) OpenAndExit(path, whole);
  int status = 0;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (child < 0 || WIFSIGNALED(status)) return DataFileState::kEndsTheProcess;
  return WEXITSTATUS(status) == 0 ? DataFileState::kOpens
                                  : DataFileState::kRefused;
}

absl::Status CheckDataFiles(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() == ".sst" &&
        ProbeDataFile(it->path().string()) ==
            DataFileState::kEndsTheProcess) {
      return DamagedStore(directory,
                          absl::StrCat("the properties of the data file ",
                                       it->path().filename().string(),
                                       " are unreadable"));
    }
  }
  return absl::OkStatus();
}

}  // namespace restate
