// The data directory could be read by every user of the machine.
#include "service/server/data_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace restate {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kSomebody = 65'534;

class DataDirectoryTest : public testing::Test {
 protected:
  DataDirectoryTest()
      : top_(fs::path(testing::TempDir()) / "data_directory_test") {
    fs::remove_all(top_);
    fs::create_directory(top_);
    chmod(top_.c_str(), 0755);
  }
  ~DataDirectoryTest() override { fs::remove_all(top_); }

  std::string Directory(mode_t mode, const std::string& name = "data") {
    const fs::path path = top_ / name;
    fs::create_directories(path);
    chmod(path.c_str(), mode);
    return path.string();
  }
  void File(const fs::path& path, mode_t mode) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "x";
    chmod(path.c_str(), mode);
  }
  static int ModeOf(const fs::path& path) {
    struct stat status;
    EXPECT_EQ(lstat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  }
  static std::string RefusalOf(const std::string& path) {
    const absl::Status status = PrepareDataDirectory(path);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    return std::string(status.message());
  }

  const fs::path top_;
};

TEST_F(DataDirectoryTest, ANewOneIsForNobodyElse) {
  const mode_t before = umask(0);
  const absl::Status status = PrepareDataDirectory(top_ / "a" / "b");
  umask(before);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(ModeOf(top_ / "a" / "b"), 0700);
}

TEST_F(DataDirectoryTest, AnOpenOneIsClosedWithAllThatIsTheStores) {
  const fs::path data = Directory(0755);
  File(data / "rocksdb" / "CURRENT", 0644);
  File(data / "rocksdb" / "lost" / "000001.log", 0664);
  File(data / "rocksdb.damaged-1" / "LOG", 0604);
  File(data / "notes.txt", 0644);
  chmod((data / "rocksdb").c_str(), 0775);
  File(top_ / "elsewhere", 0644);
  fs::create_symlink(top_ / "elsewhere", data / "rocksdb" / "link");
  ASSERT_TRUE(PrepareDataDirectory(data).ok());
  EXPECT_EQ(ModeOf(data), 0700);
  EXPECT_EQ(ModeOf(data / "rocksdb"), 0700);
  EXPECT_EQ(ModeOf(data / "rocksdb" / "CURRENT"), 0600);
  EXPECT_EQ(ModeOf(data / "rocksdb" / "lost"), 0700);
  EXPECT_EQ(ModeOf(data / "rocksdb" / "lost" / "000001.log"), 0600);
  EXPECT_EQ(ModeOf(data / "rocksdb.damaged-1" / "LOG"), 0600);
  EXPECT_EQ(ModeOf(data / "notes.txt"), 0644) << "not the store's";
  EXPECT_EQ(ModeOf(top_ / "elsewhere"), 0644) << "no link is followed";
}

TEST_F(DataDirectoryTest, WhatMayBeOthersIsNotTakenFromThem) {
  const std::string shared = Directory(01777, "shared");
  EXPECT_NE(RefusalOf(shared).find("name a directory below it"),
            std::string::npos);
  EXPECT_EQ(ModeOf(shared), 01777);
  const std::string home = Directory(0755, "home");
  File(fs::path(home) / "mail", 0644);
  EXPECT_EQ(RefusalOf(home),
            "the data directory " + home +
                " is open to other users (mode 0755) and holds something that "
                "is not the server's: name another one, such as a directory "
                "below it, or close it with chmod 700");
  EXPECT_EQ(ModeOf(home), 0755);
  chmod(home.c_str(), 0700);
  EXPECT_TRUE(PrepareDataDirectory(home).ok());
}

TEST_F(DataDirectoryTest, AnotherUsersIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
  // Where everybody gets.
  std::string data = fs::temp_directory_path() / "data_directory_test-XXXXXX";
  ASSERT_NE(mkdtemp(data.data()), nullptr);
  chmod(data.c_str(), 0755);
  ASSERT_EQ(seteuid(kSomebody), 0);
  const std::string refusal = RefusalOf(data);
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_NE(refusal.find("belongs to another user (0; the server runs as 65534)"),
            std::string::npos)
      << refusal;
  // Root may use anybody's.
  ASSERT_EQ(chown(data.c_str(), kSomebody, kSomebody), 0);
  EXPECT_TRUE(PrepareDataDirectory(data).ok());
  EXPECT_EQ(ModeOf(data), 0700);
  fs::remove_all(data);
}

TEST_F(DataDirectoryTest, AFileIsNoDirectory) {
  File(top_ / "file", 0644);
  EXPECT_FALSE(RefusalOf(top_ / "file").empty());
}

}  // namespace
}  // namespace restate
