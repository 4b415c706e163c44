#include "service/mounts/mount_permission.h"

#include <filesystem>
#include <string>
#include <utility>

#include "engine/error/error.h"
#include "engine/path/path.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

namespace fs = std::filesystem;

MountConfig Files(const std::string& directory) {
  MountConfig mount;
  mount.at = *Path::Parse("/files");
  mount.backend = BackendKind::kFilesystem;
  mount.directory = directory;
  return Normalized(std::move(mount));
}

MountConfig Remote(const std::string& address) {
  MountConfig mount;
  mount.at = *Path::Parse("/far");
  mount.backend = BackendKind::kRemote;
  mount.address = address;
  return mount;
}

TEST(MountPermission, WithoutConfigurationNoDirectoryAndNoAddress) {
  const MountPermission permission({}, "");
  for (const MountConfig& mount :
       {Files("/etc"), Files("/not/there"), Remote("127.0.0.1:1"),
        Remote("dns:///localhost:80"), Remote("unix:/run/socket")}) {
    const absl::Status status = permission.CheckByRpc(mount);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ErrorReason(status), "MOUNT_NOT_ALLOWED");
    EXPECT_EQ(ErrorMetadata(status)["mount"], mount.at.ToText());
  }
  EXPECT_EQ(permission.CheckByRpc(Files("/etc")).message(),
            "the configuration does not let calls mount the directory /etc: "
            "have whoever runs the server add it to "
            "mounts_by_rpc.directories");
  EXPECT_EQ(permission.CheckByRpc(Remote("a:1")).message(),
            "the configuration does not let calls mount the address a:1: have "
            "whoever runs the server add it to mounts_by_rpc.addresses");
  EXPECT_TRUE(permission.CheckByRpc(MountConfig()).ok());
}

TEST(MountPermission, ADirectoryAllowsWhatIsInIt) {
  const MountPermission permission({.directories = {"/srv/app"}}, "");
  for (const char* good : {"/srv/app", "/srv/app/", "/srv/app/a/b",
                           "/srv/./app//a", "/srv/app/../app/a"}) {
    EXPECT_TRUE(permission.CheckByRpc(Files(good)).ok()) << good;
  }
  for (const char* bad : {"/srv", "/", "/srv/app-beside", "/srv/app/../other",
                          "/srv/apps", "/other/srv/app"}) {
    EXPECT_EQ(ErrorReason(permission.CheckByRpc(Files(bad))),
              "MOUNT_NOT_ALLOWED")
        << bad;
  }
}

TEST(MountPermission, TheRootAllowsAll) {
  const MountPermission permission({.directories = {"/"}}, "");
  EXPECT_TRUE(permission.CheckByRpc(Files("/")).ok());
  EXPECT_TRUE(permission.CheckByRpc(Files("/srv")).ok());
}

TEST(MountPermission, AddressesAreComparedLetterForLetter) {
  const MountPermission permission({.addresses = {"127.0.0.1:7"}}, "");
  EXPECT_TRUE(permission.CheckByRpc(Remote("127.0.0.1:7")).ok());
  for (const char* bad :
       {"127.0.0.1:70", "localhost:7", "ipv4:127.0.0.1:7", "127.0.0.1:7,b:1",
        "dns:///127.0.0.1:7", "127.0.0.1", " 127.0.0.1:7"}) {
    EXPECT_EQ(ErrorReason(permission.CheckByRpc(Remote(bad))),
              "MOUNT_NOT_ALLOWED")
        << bad;
  }
}

TEST(MountPermission, CountsMounts) {
  const MountPermission permission({.at_most = 2}, "");
  EXPECT_TRUE(permission.CheckCount(1).ok());
  const absl::Status full = permission.CheckCount(2);
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorReason(full), "TOO_MANY_MOUNTS");
  EXPECT_FALSE(MountPermission({.at_most = 0}, "").CheckCount(0).ok());
}

// Directories on a disk: what leads where is only known there.
class OpenedDirectoryTest : public testing::Test {
 protected:
  OpenedDirectoryTest() : scratch_(NormalDirectory(testing::TempDir() + "/mount_permission")) {
    fs::remove_all(scratch_);
    fs::create_directories(scratch_ + "/ok/sub");
    fs::create_directories(scratch_ + "/secret/inner");
    fs::create_directories(scratch_ + "/ok/data/rocksdb");
    fs::create_directory_symlink(scratch_ + "/secret", scratch_ + "/ok/link");
    fs::create_directory_symlink(scratch_ + "/nowhere",
                                 scratch_ + "/ok/dangling");
    fs::create_directory_symlink(scratch_ + "/ok", scratch_ + "/alias");
  }
  ~OpenedDirectoryTest() override { fs::remove_all(scratch_); }

  // As the mount of a call is opened.
  absl::Status Open(const std::string& name, const std::string& allowed = "/ok",
                    bool create = true) {
    const MountPermission permission({.directories = {scratch_ + allowed}},
                                     scratch_ + "/ok/data");
    const MountConfig mount = Files(scratch_ + name);
    if (absl::Status status = permission.CheckByRpc(mount); !status.ok()) {
      return status;
    }
    return OpenDirectoryRoot(mount.directory, create,
                             permission.BoundsByRpc(mount))
        .status();
  }
  std::string ReasonOf(const std::string& name,
                       const std::string& allowed = "/ok") {
    return ErrorReason(Open(name, allowed));
  }

  const std::string scratch_;
};

TEST_F(OpenedDirectoryTest, OpensAndMakesWhatIsInside) {
  EXPECT_EQ(Open("/ok/sub"), absl::OkStatus());
  EXPECT_EQ(Open("/ok/new/deep"), absl::OkStatus());
  EXPECT_TRUE(fs::is_directory(scratch_ + "/ok/new/deep"));
  // What the configuration names may itself be a link.
  EXPECT_EQ(Open("/alias/sub", "/alias"), absl::OkStatus());
  EXPECT_EQ(Open("/ok/absent", "/ok", /*create=*/false).code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(OpenedDirectoryTest, NoLinkIsFollowed) {
  EXPECT_EQ(ReasonOf("/ok/link"), "MOUNT_NOT_ALLOWED");
  EXPECT_EQ(ReasonOf("/ok/link/inner"), "MOUNT_NOT_ALLOWED");
  EXPECT_EQ(ReasonOf("/ok/link/new"), "MOUNT_NOT_ALLOWED");
  EXPECT_FALSE(fs::exists(scratch_ + "/secret/new"));
  // What is said does not tell whether something is at its end.
  EXPECT_EQ(ReasonOf("/ok/dangling"), "MOUNT_NOT_ALLOWED");
  EXPECT_FALSE(fs::exists(scratch_ + "/nowhere"));
  const std::string there(Open("/ok/link").message());
  std::string absent(Open("/ok/dangling").message());
  absent.replace(absent.find("dangling"), 8, "link");
  EXPECT_EQ(absent, there);
}

TEST_F(OpenedDirectoryTest, TheServersOwnDataIsNeverMounted) {
  EXPECT_EQ(ReasonOf("/ok/data"), "MOUNT_NOT_ALLOWED");
  EXPECT_EQ(ReasonOf("/ok/data/rocksdb"), "MOUNT_NOT_ALLOWED");
  EXPECT_EQ(ReasonOf("/ok/data/new"), "MOUNT_NOT_ALLOWED");
  EXPECT_FALSE(fs::exists(scratch_ + "/ok/data/new"));
  EXPECT_EQ(ReasonOf("/ok"), "MOUNT_NOT_ALLOWED");
  // By another name.
  EXPECT_EQ(ReasonOf("/alias/data", "/alias"), "MOUNT_NOT_ALLOWED");
  EXPECT_EQ(ReasonOf("/alias", "/alias"), "MOUNT_NOT_ALLOWED");
}

TEST_F(OpenedDirectoryTest, NorByTheConfiguration) {
  const MountPermission permission({}, scratch_ + "/ok/data");
  for (const char* bad : {"/ok/data", "/ok", "/", "/ok/data/rocksdb",
                          "/alias/data", "/alias", "/ok/data/new"}) {
    EXPECT_EQ(ErrorReason(permission.CheckConfigured(Files(scratch_ + bad))),
              "MOUNT_NOT_ALLOWED")
        << bad;
  }
  EXPECT_TRUE(permission.CheckConfigured(Files(scratch_ + "/ok/sub")).ok());
  EXPECT_TRUE(permission.CheckConfigured(Remote("a:1")).ok());
}

}  // namespace
}  // namespace restate
