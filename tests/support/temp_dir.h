#ifndef RESTATE_TESTS_SUPPORT_TEMP_DIR_H_
#define RESTATE_TESTS_SUPPORT_TEMP_DIR_H_

#include <string>

namespace restate::test {

// A new directory below Bazel's $TEST_TMPDIR, removed with all it holds when
// this goes out of scope. Aborts the test binary if it cannot be made.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_TEMP_DIR_H_
