// Mounts of the configuration file, and what becomes of them when it changes.
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/mount_client.h"
#include "tests/support/server_process.h"
#include "tests/support/subscription_reader.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

// A server whose configuration may change between two runs.
class MountConfigTest : public testing::Test {
 protected:
  void Write(const std::string& mounts) {
    std::ofstream(ConfigFile()) << "mounts:\n"
                                   "- {path: /, backend: rocksdb}\n"
                                << mounts;
  }
  std::string ConfigFile() const { return directory_.path() + "/restated.yaml"; }
  std::string In(const std::string& name) const {
    return directory_.path() + "/" + name;
  }
  absl::Status Start() {
    if (server_ != nullptr) return server_->Restart();
    ServerProcess::Options options;
    options.data_dir = In("data");
    options.extra_args = {"--config", ConfigFile()};
    auto server = ServerProcess::Start(options);
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    return absl::OkStatus();
  }
  void StopAndStart(const std::string& mounts) {
    ASSERT_EQ(server_->Terminate(), 0);
    Write(mounts);
    const absl::Status started = Start();
    ASSERT_TRUE(started.ok()) << started;
  }
  std::unique_ptr<Client> NewClient() {
    return std::make_unique<Client>(server_->address());
  }
  // The mount points that a subscriber at the root, resuming after `revision`,
  // hears of, until /end is written.
  std::vector<std::string> ResetsAfter(int64_t revision) {
    v1::SubscribeRequest request;
    request.add_patterns()->set_text("/");
    request.set_after_revision(revision);
    SubscriptionReader reader(Connect(server_->address()), request);
    NewClient()->Ping([] {
      v1::PingRequest ping;
      ping.mutable_path()->set_text("/end");
      return ping;
    }());
    EXPECT_TRUE(reader.WaitUntil([](const std::vector<v1::Event>& events) {
      return !events.empty() && events.back().kind() == v1::EVENT_KIND_PING;
    }));
    std::vector<std::string> places;
    for (const v1::Event& event : reader.events()) {
      if (event.origin().kind() == v1::Origin::KIND_MOUNT) {
        places.push_back(event.emitting_path().text());
      }
    }
    return places;
  }

  TempDir directory_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(MountConfigTest, EveryBackendFromTheFile) {
  Write("- {path: /m, backend: memory}\n"
        "- {path: /f, backend: filesystem, directory: " + In("f") +
        ", serializer: yaml}\n"
        "- path: /c\n"
        "  backend: rocksdb\n"
        "  cache: {flush_interval: 1h, flush_on_read: true}\n");
  ASSERT_TRUE(Start().ok());
  const auto client = NewClient();
  MountClient mounts(client->channel());
  EXPECT_EQ(mounts.Outline(),
            "/=rocksdb /c=caching rocksdb /f=filesystem /m=memory");
  EXPECT_EQ(mounts.At("/f").spec().filesystem().serializer(),
            v1::FILE_SERIALIZER_YAML);
  EXPECT_EQ(mounts.At("/c").spec().cache().flush_interval().seconds(), 3600);
  EXPECT_TRUE(mounts.At("/c").spec().cache().flush_on_read());
  EXPECT_EQ(mounts.At("/m").source(), v1::MOUNT_SOURCE_CONFIGURATION);
  client->Set("/f/x", R"("text")");
  ASSERT_TRUE(mounts.Flush("").ok());
  EXPECT_TRUE(std::filesystem::exists(In("f/x.yaml")));
  EXPECT_EQ(CodeAndReason(mounts.Unmount("/f").status),
            "FAILED_PRECONDITION / CONFIGURED_MOUNT");
}

TEST_F(MountConfigTest, WhatIsAnotherMountThanBeforeIsReset) {
  const auto files = [&](const std::string& name) {
    return "- {path: /f, backend: filesystem, directory: " + In(name) + "}\n";
  };
  Write(files("one"));
  ASSERT_TRUE(Start().ok());
  NewClient()->Set("/f/x", "1");
  int64_t revision = NewClient()->Revision();

  StopAndStart(files("one"));
  EXPECT_EQ(ResetsAfter(revision), std::vector<std::string>());
  revision = NewClient()->Revision();

  StopAndStart(files("two"));
  EXPECT_EQ(NewClient()->Get("/f"), std::nullopt);
  EXPECT_EQ(ResetsAfter(revision), std::vector<std::string>{"/f"});
  revision = NewClient()->Revision();

  StopAndStart("");
  EXPECT_EQ(ResetsAfter(revision), std::vector<std::string>{"/f"});
  revision = NewClient()->Revision();

  StopAndStart(files("one"));
  EXPECT_EQ(NewClient()->Get("/f"), R"({"x":1})");
  EXPECT_EQ(ResetsAfter(revision), std::vector<std::string>{"/f"});
}

TEST_F(MountConfigTest, FilesEditedWhileTheServerWasDownAreReset) {
  const std::string mounts =
      "- {path: /f, backend: filesystem, directory: " + In("f") + "}\n";
  Write(mounts);
  ASSERT_TRUE(Start().ok());
  const int64_t revision = NewClient()->Set("/f/x", "1");
  ASSERT_EQ(server_->Terminate(), 0);
  std::ofstream(In("f/x.json")) << "2\n";
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(NewClient()->Get("/f/x"), "2");
  EXPECT_EQ(ResetsAfter(revision), std::vector<std::string>{"/f"});
}

TEST_F(MountConfigTest, OneThatCannotBeOpenedKeepsNothingElseFromBeingServed) {
  std::ofstream(In("f")) << "no directory";
  Write("- {path: /f, backend: filesystem, directory: " + In("f") + "}\n");
  const absl::Status started = Start();
  ASSERT_TRUE(started.ok()) << started;
  const std::unique_ptr<Client> client = NewClient();
  client->Set("/x", "1");
  EXPECT_EQ(client->Get("/x"), "1");
  const v1::MountInfo down = MountClient(client->channel()).At("/f");
  EXPECT_EQ(down.state(), v1::MOUNT_STATE_DOWN);
  ASSERT_GE(down.problems_size(), 1);
  EXPECT_NE(down.problems(0).find(In("f")), std::string::npos)
      << down.problems(0);
  v1::SetStateRequest write;
  write.mutable_path()->set_text("/f/x");
  write.mutable_value()->set_int_value(1);
  EXPECT_EQ(CodeAndReason(client->SetState(write).status),
            "UNAVAILABLE / MOUNT_UNAVAILABLE");
  // Once that is put right it is there again.
  std::filesystem::remove(In("f"));
  std::filesystem::create_directory(In("f"));
  std::ofstream(In("f/x.json")) << "2";
  StopAndStart("- {path: /f, backend: filesystem, directory: " + In("f") +
               "}\n");
  EXPECT_EQ(NewClient()->Get("/f/x"), "2");
}

TEST_F(MountConfigTest, TheFileStandsBeforeWhatWasMountedByACall) {
  Write("");
  ASSERT_TRUE(Start().ok());
  {
    const auto client = NewClient();
    ASSERT_TRUE(MountClient(client->channel())
                    .Mount(R"({"path": {"text": "/m"}, "rocksdb": {}})")
                    .ok());
    client->Set("/m/x", "1");
  }
  StopAndStart("- {path: /m, backend: memory}\n");
  {
    const auto client = NewClient();
    const v1::MountInfo info = MountClient(client->channel()).At("/m");
    EXPECT_EQ(info.kind(), "memory");
    EXPECT_EQ(info.source(), v1::MOUNT_SOURCE_CONFIGURATION);
    EXPECT_EQ(client->Get("/m"), std::nullopt);
  }
  StopAndStart("");
  const auto client = NewClient();
  EXPECT_EQ(MountClient(client->channel()).At("/m").source(),
            v1::MOUNT_SOURCE_RPC);
  EXPECT_EQ(client->Get("/m/x"), "1");
}

TEST_F(MountConfigTest, AStopThatCannotFlushSaysSo) {
  Write("- path: /f\n"
        "  backend: filesystem\n"
        "  directory: " + In("f") + "\n"
        "  cache: {flush_on_write: false}\n");
  ASSERT_TRUE(Start().ok());
  NewClient()->Set("/f/x/y", "1");
  // A file where a directory has to be.
  std::ofstream(In("f/x")) << "in the way";
  EXPECT_EQ(server_->Terminate(), 1);
  EXPECT_NE(server_->Log().find("not everything in a cache could be flushed"),
            std::string::npos)
      << server_->Log();
}

TEST_F(MountConfigTest, EditsMadeWhileTheServerIsDownAreToldOnce) {
  const auto type = [this](const std::string& file, const std::string& text) {
    std::filesystem::create_directories(
        std::filesystem::path(In(file)).parent_path());
    std::ofstream(In(file)) << text;
  };
  const std::string mounts =
      "- {path: /f, backend: filesystem, directory: " + In("f") + "}\n" +
      "- {path: /ro, backend: filesystem, read_only: true, directory: " +
      In("ro") + "}\n";
  type("ro/x.json", "1");
  type("f/there.json", "1");
  Write(mounts);
  ASSERT_TRUE(Start().ok());
  NewClient()->Set("/f/a", "1");
  int64_t revision = NewClient()->Revision();
  // What was there at the first start is nothing new.
  StopAndStart(mounts);
  EXPECT_EQ(ResetsAfter(revision), std::vector<std::string>());

  revision = NewClient()->Revision();
  ASSERT_EQ(server_->Terminate(), 0);
  type("f/a.json", "2");
  type("ro/x.json", "2");
  ASSERT_TRUE(Start().ok());
  const std::vector<std::string> both = {"/f", "/ro"};
  EXPECT_EQ(ResetsAfter(revision), both);
  EXPECT_EQ(NewClient()->Get("/f/a"), "2");
  // Neither a clean restart nor a kill tells it again.
  for (const bool kill : {false, true, false}) {
    if (kill) {
      server_->Kill();
    } else {
      ASSERT_EQ(server_->Terminate(), 0);
    }
    ASSERT_TRUE(Start().ok());
    EXPECT_EQ(ResetsAfter(revision), both) << kill;
  }

  // What was known once is new again when something else came between.
  NewClient()->Set("/f/a", "3");
  type("ro/x.json", "3");
  const auto client = NewClient();
  while (client->Get("/ro/x") != "3" && !HasFailure()) {
  }
  MountClient(client->channel()).Flush("/f");
  revision = client->Revision();
  server_->Kill();
  type("f/a.json", "2");
  type("ro/x.json", "2");
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(ResetsAfter(revision), both);
  EXPECT_EQ(NewClient()->Get("/f/a"), "2");
  EXPECT_EQ(NewClient()->Get("/ro/x"), "2");
}

}  // namespace
}  // namespace restate::test
