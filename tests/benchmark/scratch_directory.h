#ifndef RESTATE_TESTS_BENCHMARK_SCRATCH_DIRECTORY_H_
#define RESTATE_TESTS_BENCHMARK_SCRATCH_DIRECTORY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace restate::benchmark {

// A new directory for what the measured servers store, removed with all that is
// in it at the end.
class ScratchDirectory {
 public:
  // Makes one below `parent`, and says on standard output how fast its disk is.
  static absl::StatusOr<std::unique_ptr<ScratchDirectory>> Make(
      const std::string& parent);
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  explicit ScratchDirectory(std::string path);

  const std::string path_;
};

// $TMPDIR, or where temporary files are kept on a disk.
std::string DefaultScratchParent();

}  // namespace restate::benchmark

#endif  // RESTATE_TESTS_BENCHMARK_SCRATCH_DIRECTORY_H_
