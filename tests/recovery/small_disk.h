#ifndef RESTATE_TESTS_RECOVERY_SMALL_DISK_H_
#define RESTATE_TESTS_RECOVERY_SMALL_DISK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace restate::test {

// Lets this process, and those it starts from then on, mount file systems that
// nobody else sees and that go with them. Call it before any thread is started.
// PERMISSION_DENIED where the system does not allow that.
absl::Status AllowMounts();

// A file system in memory, of a few megabytes, that can be filled up.
// REQUIRES: AllowMounts() was OK.
class SmallDisk {
 public:
  explicit SmallDisk(int64_t bytes);
  // Takes it away, also if files of it are open.
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  // OK if it is there.
  const absl::Status& status() const { return status_; }
  const std::string& path() const { return path_; }

  // Takes so much space.
  void Take(int64_t bytes);
  // Takes all that is left.
  void FillUp();
  // Gives back all that was taken.
  void MakeRoom();

 private:
  std::string FillerPath() const { return path_ + "/filler"; }

  std::string path_;
  absl::Status status_;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_RECOVERY_SMALL_DISK_H_
