// Every user of the machine could read the data directory: it was made 0755 with
// files of 0644. Now all of it is the server's alone, also one that an older
// server made, while files in mounted directories stay what their users expect.
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/mount_client.h"
#include "tests/support/server_process.h"
#include "tests/support/server_test.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

namespace fs = std::filesystem;

int ModeOf(const fs::path& path) {
  struct stat status;
  EXPECT_EQ(lstat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777;
}

class DataOpenToOthersTest : public testing::Test {
 protected:
  // What most people have.
  DataOpenToOthersTest() : before_(umask(022)) {
    data_ = scratch_.path() + "/data";
    mounted_ = scratch_.path() + "/files";
    options_.data_dir = data_;
    const std::string config = scratch_.path() + "/restated.yaml";
    std::ofstream(config) << "mounts:\n  - {path: /, backend: rocksdb}\n"
                             "  - {path: /files, backend: filesystem, "
                             "directory: " << mounted_ << "}\n";
    options_.extra_args = {"--config", config};
  }
  ~DataOpenToOthersTest() override { umask(before_); }

  void Start() {
    auto server = ServerProcess::Start(options_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  // Each file and directory that somebody else has access to.
  std::vector<std::string> OpenToOthers() {
    std::vector<std::string> open;
    if ((ModeOf(data_) & 077) != 0) open.push_back(data_);
    for (const auto& entry : fs::recursive_directory_iterator(data_)) {
      if ((ModeOf(entry.path()) & 077) != 0) open.push_back(entry.path());
    }
    return open;
  }

  const mode_t before_;
  TempDir scratch_;
  std::string data_;
  std::string mounted_;
  ServerProcess::Options options_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(DataOpenToOthersTest, ANewOneIsTheServersAlone) {
  Start();
  Client(server_->address()).Set("/a", "1");
  EXPECT_EQ(ModeOf(data_), 0700);
  EXPECT_EQ(OpenToOthers(), std::vector<std::string>());
  ASSERT_EQ(server_->Terminate(), 0);
  EXPECT_EQ(OpenToOthers(), std::vector<std::string>());
}

TEST_F(DataOpenToOthersTest, OneOfAnOlderServerIsClosedWithAWarning) {
  Start();
  Client(server_->address()).Set("/a", "1");
  ASSERT_EQ(server_->Terminate(), 0);
  for (const auto& entry : fs::recursive_directory_iterator(data_)) {
    chmod(entry.path().c_str(), entry.is_directory() ? 0755 : 0644);
  }
  chmod(data_.c_str(), 0755);
  const absl::Status restarted = server_->Restart();
  ASSERT_TRUE(restarted.ok()) << restarted;
  EXPECT_EQ(Client(server_->address()).Get("/a"), "1");
  EXPECT_EQ(OpenToOthers(), std::vector<std::string>());
  EXPECT_NE(server_->Log().find("was open to other users (mode 0755)"),
            std::string::npos);
  EXPECT_EQ(server_->Terminate(), 0);
}

TEST_F(DataOpenToOthersTest, FilesInMountedDirectoriesAreTheUsers) {
  fs::create_directory(mounted_);
  std::ofstream(mounted_ + "/old.json") << "1\n";
  chmod((mounted_ + "/old.json").c_str(), 0664);
  Start();
  Client client(server_->address());
  client.Set("/files/old", "2");
  client.Set("/files/new", "3");
  client.Set("/files/below/it", "4");
  ASSERT_TRUE(MountClient(client.channel()).Flush("/files").ok());
  EXPECT_EQ(ModeOf(mounted_ + "/old.json"), 0664) << "as it was";
  EXPECT_EQ(ModeOf(mounted_ + "/new.json"), 0644);
  EXPECT_EQ(ModeOf(mounted_ + "/below"), 0755);
  EXPECT_EQ(ModeOf(mounted_ + "/below/it.json"), 0644);
  EXPECT_EQ(server_->Terminate(), 0);
}

TEST_F(DataOpenToOthersTest, AMountedDirectoryThatTheServerMakesIsTheUsersToo) {
  Start();
  EXPECT_EQ(ModeOf(mounted_), 0755);
  EXPECT_EQ(server_->Terminate(), 0);
}

TEST_F(DataOpenToOthersTest, AnEmptyNameIsNoDirectory) {
  options_.data_dir.clear();
  options_.extra_args = {"--data-dir", ""};
  const auto started = ServerProcess::Start(options_);
  ASSERT_FALSE(started.ok());
  EXPECT_NE(started.status().message().find("--data-dir: must not be empty"),
            std::string::npos)
      << started.status();
}

}  // namespace
}  // namespace restate::test
