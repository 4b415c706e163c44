// What was seen: in a directory of files lay a plain file README, and a client
// wrote to /f/README/x. The write was answered OK. Then no other write of the
// mount reached its file, no edit by hand was seen, and the mount could not be
// unmounted. The same below a link that leads out of the directory.
//
// Why: nobody asked whether something was in the way before the write was
// decided, and a batch with one path that cannot be stored was tried again as a
// whole, for good.
//
// Here: such a write is refused; one that cannot be refused, because the
// obstacle comes after it was decided, waits alone, over a kill too.

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/mount_client.h"
#include "tests/support/server_test.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

class WriteBelowAForeignFileTest : public ServerTest {
 protected:
  std::string Config() const override {
    return "mounts:\n- {path: /, backend: rocksdb}\n"
           "- {path: /f, backend: filesystem, directory: " + directory() +
           "}\n";
  }
  std::string directory() const { return directory_.path() + "/state"; }
  MountClient Mounts() { return MountClient(client().channel()); }
  void Type(const std::string& name, const std::string& text) {
    std::ofstream(directory() + "/" + name) << text;
  }
  std::string TryToSet(const std::string& path) {
    v1::SetStateRequest write;
    write.mutable_path()->set_text(path);
    write.mutable_value()->set_int_value(1);
    return CodeAndReason(client().SetState(write).status);
  }
  // An edit by hand, which the server sees: then it has looked at everything that
  // was there before.
  void Edit(Client& client, const std::string& name) {
    v1::SubscribeRequest request;
    request.add_patterns()->set_text("/f/" + name);
    const auto reader = Subscribe(request);
    Type(name + ".json", "7");
    EXPECT_EQ(reader->WaitForEvents(1).size(), 1u);
    EXPECT_EQ(client.Get("/f/" + name), "7");
  }

 private:
  TempDir directory_;
};

TEST_F(WriteBelowAForeignFileTest, IsRefusedBeforeItIsDecided) {
  Type("README", "hello");
  std::filesystem::create_directory_symlink("/", directory() + "/out");
  Edit(client(), "seen");
  EXPECT_EQ(TryToSet("/f/README/x"), "FAILED_PRECONDITION / NOT_STORABLE");
  EXPECT_EQ(TryToSet("/f/out/x"), "FAILED_PRECONDITION / NOT_STORABLE");
  client().Set("/f/other", "5");
  EXPECT_TRUE(Mounts().Flush("/f").ok());
  EXPECT_TRUE(std::filesystem::exists(directory() + "/other.json"));
  Edit(client(), "hand");
  // Nothing is left.
  EXPECT_TRUE(Mounts().Flush("/f").ok());
  EXPECT_EQ(Mounts().At("/f").state(), v1::MOUNT_STATE_DEGRADED);
}

// The obstacle comes while the server is down, with the write in its journal.
TEST_F(WriteBelowAForeignFileTest, WaitsAloneWhenItIsDecidedAlready) {
  ASSERT_EQ(server().Terminate(), 0);
  ASSERT_TRUE(server().Restart({"RESTATE_CRASH_AT=decided"}).ok());
  v1::SetStateRequest write;
  write.mutable_path()->set_text("/f/README/x");
  write.mutable_value()->set_int_value(2);
  EXPECT_FALSE(NewClient()->SetState(write).ok());
  ASSERT_EQ(server().WaitForExit(), 128 + SIGKILL);
  Type("README", "hello");
  for (int start = 0; start < 2; ++start) {
    ASSERT_TRUE(server().Restart().ok());
    const std::unique_ptr<Client> client = NewClient();
    MountClient mounts(client->channel());
    EXPECT_EQ(client->Get("/f/README/x"), "2");
    const v1::MountInfo stuck =
        mounts.WaitFor("/f", [](const v1::MountInfo& mount) {
          return mount.state() == v1::MOUNT_STATE_DEGRADED;
        });
    ASSERT_EQ(stuck.problems_size(), 1);
    EXPECT_NE(stuck.problems(0).find("the write of /f/README/x by revision "),
              std::string::npos)
        << stuck.problems(0);
    EXPECT_EQ(stuck.pending_writes(), 1);
    // Everything else goes on.
    const std::string name = "other" + std::to_string(start);
    client->Set("/f/" + name, "5");
    EXPECT_EQ(CodeAndReason(mounts.Flush("/f").status),
              "UNAVAILABLE / MOUNT_UNAVAILABLE");
    EXPECT_TRUE(std::filesystem::exists(directory() + "/" + name + ".json"));
    Edit(*client, "hand" + std::to_string(start));
    server().Kill();
  }
  std::filesystem::remove(directory() + "/README");
  ASSERT_TRUE(server().Restart().ok());
  const std::unique_ptr<Client> client = NewClient();
  MountClient mounts(client->channel());
  const auto flushed = mounts.Flush("/f");
  EXPECT_TRUE(flushed.ok()) << FailureOf(flushed.status);
  EXPECT_TRUE(std::filesystem::exists(directory() + "/README/x.json"));
  EXPECT_EQ(mounts.At("/f").state(), v1::MOUNT_STATE_UP);
}

}  // namespace
}  // namespace restate::test
