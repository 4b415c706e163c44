// What was seen: whoever reached the port mounted /etc and read it by GetState,
// mounted a directory of the machine and wrote files into it, mounted the
// server's own data directory, and had the server connect to any address of its
// network and tell what answered there.
//
// Why: a Mount call was taken as the word of whoever runs the server.
//
// Here: the same calls, with and without a configuration that names what may be
// mounted; mounts of an earlier run that are not allowed any more; and the
// server's own data in the configuration.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/mount_client.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

namespace fs = std::filesystem;

constexpr char kRefused[] = "FAILED_PRECONDITION / MOUNT_NOT_ALLOWED";

std::string Files(const std::string& path, const std::string& directory) {
  return R"({"path": {"text": ")" + path +
         R"("}, "filesystem": {"directory": ")" + directory + R"("}})";
}

std::string Remote(const std::string& path, const std::string& address) {
  return R"({"path": {"text": ")" + path + R"("}, "remote": {"address": ")" +
         address + R"(", "deadline": "0.1s"}})";
}

std::string Memory(const std::string& path) {
  return R"({"path": {"text": ")" + path + R"("}, "memory": {}})";
}

// Hears whether somebody connects.
class Listener {
 public:
  Listener() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_in here = {};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(here);
    bind(socket_, reinterpret_cast<sockaddr*>(&here), size);
    listen(socket_, 8);
    getsockname(socket_, reinterpret_cast<sockaddr*>(&here), &size);
    address_ = "127.0.0.1:" + std::to_string(ntohs(here.sin_port));
  }
  ~Listener() { close(socket_); }

  const std::string& address() const { return address_; }
  bool SomebodyCame() const {
    const int peer = accept(socket_, nullptr, nullptr);
    if (peer < 0) return errno != EAGAIN;
    close(peer);
    return true;
  }

 private:
  const int socket_;
  std::string address_;
};

class AnyDirectoryCouldBeMountedTest : public testing::Test {
 protected:
  // With this configuration from now on.
  void Configure(const std::string& config) {
    std::ofstream(In("restated.yaml")) << config;
  }
  std::string In(const std::string& name) const {
    return scratch_.path() + "/" + name;
  }
  absl::Status Start() {
    if (server_ != nullptr) return server_->Restart();
    ServerProcess::Options options;
    options.data_dir = In("data");
    options.extra_args = {"--config", In("restated.yaml")};
    auto server = ServerProcess::Start(options);
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    return absl::OkStatus();
  }
  std::unique_ptr<Client> NewClient() {
    return std::make_unique<Client>(server_->address());
  }
  MountClient Mounts() { return MountClient(Connect(server_->address())); }
  // Code and reason of a Mount.
  std::string Mount(const std::string& spec) {
    return CodeAndReason(Mounts().Mount(spec).status);
  }

  const TempDir scratch_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(AnyDirectoryCouldBeMountedTest, WithoutConfigurationNoneCan) {
  Configure("log_level: info\n");
  ASSERT_TRUE(Start().ok());
  fs::create_directory(In("secret"));
  std::ofstream(In("secret/config.json")) << R"({"auth": "SECRET"})";
  const Listener listener;

  EXPECT_EQ(Mount(Files("/a", In("secret"))), kRefused);
  EXPECT_EQ(Mount(Files("/a", In("new/deep"))), kRefused);
  EXPECT_EQ(Mount(Files("/a", "/")), kRefused);
  EXPECT_EQ(Mount(Files("/a", "/etc")), kRefused);
  EXPECT_EQ(Mount(Files("/a", In("data"))), kRefused);
  for (const std::string& address :
       {listener.address(), "dns:///" + listener.address(),
        "ipv4:" + listener.address(), std::string("unix:/run/x"),
        std::string("unix-abstract:x")}) {
    EXPECT_EQ(Mount(Remote("/a", address)), kRefused) << address;
  }
  EXPECT_FALSE(fs::exists(In("new")));
  EXPECT_EQ(Mounts().Outline(), "/=rocksdb /tmp=memory");
  EXPECT_FALSE(listener.SomebodyCame());
  // Who may not mount a directory does not learn whether it is there.
  const auto message = [&](const std::string& name) {
    return Mounts().Mount(Files("/a", In(name))).status.error_message();
  };
  std::string absent = message("absent");
  absent.replace(absent.find("/absent"), 7, "/secret");
  EXPECT_EQ(absent, message("secret"));
  EXPECT_NE(absent.find("mounts_by_rpc.directories"), std::string::npos);
}

TEST_F(AnyDirectoryCouldBeMountedTest, TheConfigurationSaysWhich) {
  const Listener listener;
  fs::create_directories(In("ok/sub"));
  fs::create_directories(In("ok-beside"));
  fs::create_directory_symlink(In("ok-beside"), In("ok/link"));
  Configure("mounts_by_rpc:\n  directories: [" + In("ok") +
            "]\n  addresses: ['" + listener.address() +
            "']\n  at_most: 3\n");
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Mount(Files("/a", In("ok-beside"))), kRefused);
  EXPECT_EQ(Mount(Files("/a", scratch_.path())), kRefused);
  EXPECT_EQ(Mount(Files("/a", In("ok/link"))), kRefused);
  EXPECT_EQ(Mount(Files("/a", In("ok/../ok-beside"))), kRefused);
  EXPECT_EQ(Mount(Remote("/a", "localhost:1")), kRefused);
  EXPECT_EQ(Mount(Files("/a", In("ok/sub"))), "OK");
  EXPECT_EQ(Mount(Remote("/b", listener.address())), "OK");

  EXPECT_EQ(Mount(Memory("/c")), "OK");
  EXPECT_EQ(Mount(Memory("/d")), "RESOURCE_EXHAUSTED / TOO_MANY_MOUNTS");
  // One that is there already says that, and one that goes makes room.
  EXPECT_EQ(Mount(Memory("/c")), "ALREADY_EXISTS / MOUNT_EXISTS");
  ASSERT_TRUE(Mounts().Unmount("/c").ok());
  EXPECT_EQ(Mount(Memory("/d")), "OK");
}

TEST_F(AnyDirectoryCouldBeMountedTest, WhatIsNotAllowedAnyMoreIsNotServed) {
  Configure("mounts_by_rpc: {directories: [" + In("ok") + "]}\n");
  ASSERT_TRUE(Start().ok());
  ASSERT_EQ(Mount(Files("/f", In("ok"))), "OK");
  NewClient()->Set("/f/x", "1");
  NewClient()->Set("/here", "1");
  ASSERT_TRUE(Mounts().Flush("/f").ok());
  ASSERT_EQ(server_->Terminate(), 0);

  Configure("mounts_by_rpc: {directories: [" + In("other") + "]}\n");
  ASSERT_TRUE(Start().ok());
  const v1::MountInfo info = Mounts().At("/f");
  EXPECT_EQ(info.state(), v1::MOUNT_STATE_DOWN);
  ASSERT_GE(info.problems_size(), 1);
  EXPECT_NE(info.problems(0).find("mounts_by_rpc.directories"),
            std::string::npos)
      << info.problems(0);
  v1::GetStateRequest read;
  read.mutable_path()->set_text("/f/x");
  EXPECT_EQ(CodeAndReason(NewClient()->GetState(read).status),
            "UNAVAILABLE / MOUNT_UNAVAILABLE");
  EXPECT_EQ(NewClient()->Get("/here"), "1");
  ASSERT_EQ(server_->Terminate(), 0);

  // Allowed again, it is back; and one that is not can be unmounted.
  Configure("mounts_by_rpc: {directories: [" + In("ok") + "]}\n");
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(NewClient()->Get("/f/x"), "1");
  ASSERT_EQ(server_->Terminate(), 0);
  Configure("log_level: info\n");
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(Mounts().Unmount("/f").ok());
  EXPECT_EQ(Mounts().Outline(), "/=rocksdb /tmp=memory");
}

TEST_F(AnyDirectoryCouldBeMountedTest, NobodyMountsTheServersOwnData) {
  for (const std::string& directory :
       {In("data"), In("data/rocksdb"), scratch_.path(), std::string("/")}) {
    Configure("mounts:\n- {path: /, backend: rocksdb}\n"
              "- {path: /own, backend: filesystem, directory: " +
              directory + "}\n");
    const absl::Status started = Start();
    ASSERT_FALSE(started.ok()) << directory;
    EXPECT_NE(std::string(started.message()).find("own data directory"),
              std::string::npos)
        << started;
  }
  Configure("mounts_by_rpc: {directories: [/]}\n");
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Mount(Files("/a", In("data"))), kRefused);
  EXPECT_EQ(Mount(Files("/a", In("data/rocksdb/x"))), kRefused);
  EXPECT_EQ(Mount(Files("/a", scratch_.path())), kRefused);
  EXPECT_EQ(Mount(Files("/a", In("beside"))), "OK");
}

}  // namespace
}  // namespace restate::test
