// Files as the state of a running server: the listing that people see, edits by
// hand, and kills between a decision and its files.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/sync/mutex.h"
#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/mount_client.h"
#include "tests/support/server_test.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

std::string TextOf(const std::string& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void Type(const std::string& file, const std::string& text) {
  std::ofstream(file) << text;
}

// The files below a directory, by name; without the server's own.
std::vector<std::string> Listing(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(directory)) {
    const std::string name =
        entry.path().lexically_relative(directory).string();
    if (!name.starts_with(".")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

class MountFilesTest : public ServerTest {
 protected:
  explicit MountFilesTest(Storage storage = Storage::kRocksDb)
      : ServerTest(storage) {}

  std::string Config() const override { return MountsByRpc(); }
  MountClient Mounts() { return MountClient(client().channel()); }
  std::string directory() const { return directory_.path() + "/state"; }
  std::string Spec(const std::string& more = "") const {
    return R"({"path": {"text": "/f"}, "filesystem": {"directory": ")" +
           directory() + "\"" + more + "}}";
  }
  void MountFiles(const std::string& spec) {
    const auto mounted = Mounts().Mount(spec);
    ASSERT_TRUE(mounted.ok()) << FailureOf(mounted.status);
  }

 private:
  TempDir directory_;
};

class MountFilesOverStorages : public MountFilesTest,
                               public testing::WithParamInterface<Storage> {
 protected:
  MountFilesOverStorages() : MountFilesTest(GetParam()) {}
};
INSTANTIATE_OVER_STORAGES(MountFilesOverStorages);

TEST_P(MountFilesOverStorages, TheDirectoryLooksLikeTheTree) {
  MountFiles(Spec());
  client().Set("/f/config/theme", R"("dark")");
  client().Set("/f/config/colors", R"({"primary": "#FF0000",
                                       "secondary": "#00FF00"})");
  ASSERT_TRUE(Mounts().Flush("/f").ok());
  EXPECT_EQ(Listing(directory()),
            (std::vector<std::string>{"config", "config/colors",
                                      "config/colors/primary.json",
                                      "config/colors/secondary.json",
                                      "config/theme.json"}));
  EXPECT_EQ(TextOf(directory() + "/config/theme.json"), "\"dark\"\n");
  const v1::MountInfo info = Mounts().At("/f");
  EXPECT_EQ(info.kind(), "filesystem");
  EXPECT_TRUE(info.durable());
  EXPECT_EQ(info.pending_writes(), 0);
  EXPECT_GT(info.applied_revision(), 0);
  EXPECT_EQ(info.own_values(), 3);

  // The same directory elsewhere, and after an unmount again.
  EXPECT_EQ(CodeAndReason(
                Mounts()
                    .Mount(R"({"path": {"text": "/g"}, "filesystem":
                               {"directory": ")" + directory() + "\"}}")
                    .status),
            "FAILED_PRECONDITION / NOT_STORABLE");
  ASSERT_TRUE(Mounts().Unmount("/f").ok());
  EXPECT_EQ(client().Get("/f"), std::nullopt);
  MountFiles(Spec());
  EXPECT_EQ(
      client().Get("/f"),
      R"({"config":{"colors":{"primary":"#FF0000","secondary":"#00FF00"},)"
      R"("theme":"dark"}})");
  // In another format it is refused, and left alone.
  ASSERT_TRUE(Mounts().Unmount("/f").ok());
  EXPECT_EQ(CodeAndReason(
                Mounts()
                    .Mount(Spec(R"(, "serializer": "FILE_SERIALIZER_YAML")"))
                    .status),
            "FAILED_PRECONDITION / NOT_STORABLE");
}

TEST_P(MountFilesOverStorages, EditsByHandAreCommitsWithEvents) {
  MountFiles(Spec());
  client().Set("/f/config", R"({"theme": "dark", "size": 1})");
  ASSERT_TRUE(Mounts().Flush("/f").ok());
  const auto reader = Subscribe("/f/config");
  Type(directory() + "/config/theme.json", "\"light\"\n");
  Type(directory() + "/config/new.json", "[1, 2]\n");
  std::filesystem::remove(directory() + "/config/size.json");
  ASSERT_EQ(reader->WaitForEvents(3).size(), 3u);
  std::map<std::string, std::string> told;
  for (const v1::Event& event : reader->events()) {
    EXPECT_EQ(event.origin().kind(), v1::Origin::KIND_FILE);
    told[event.emitting_path().text()] =
        event.has_new_value() ? ToJson(event.new_value().json()) : "gone";
  }
  EXPECT_EQ(told, (std::map<std::string, std::string>{
                      {"/f/config/new", "[1,2]"},
                      {"/f/config/size", "gone"},
                      {"/f/config/theme", "\"light\""}}));
  EXPECT_EQ(client().Get("/f/config"), R"({"new":[1,2],"theme":"light"})");
  EXPECT_EQ(reader->Violations(), std::vector<std::string>());
}

TEST_F(MountFilesTest, AFileThatDoesNotParseDegradesTheMountAndNothingElse) {
  MountFiles(Spec());
  client().Set("/f/theme", R"("dark")");
  ASSERT_TRUE(Mounts().Flush("/f").ok());
  Type(directory() + "/theme.json", "{ nonsense");
  const v1::MountInfo degraded =
      Mounts().WaitFor("/f", [](const v1::MountInfo& mount) {
        return mount.state() == v1::MOUNT_STATE_DEGRADED;
      });
  ASSERT_EQ(degraded.problems_size(), 1);
  EXPECT_NE(degraded.problems(0).find("theme.json"), std::string::npos)
      << degraded.problems(0);
  EXPECT_EQ(client().Get("/f/theme"), R"("dark")");
  const v1::GetStatusResponse status = Mounts().Status();
  EXPECT_TRUE(status.taking_writes());
  ASSERT_EQ(status.mount_problems_size(), 1);
  EXPECT_EQ(status.mount_problems(0).path().text(), "/f");
  EXPECT_EQ(status.mount_problems(0).state(), v1::MOUNT_STATE_DEGRADED);
  Type(directory() + "/theme.json", "\"blue\"\n");
  EXPECT_EQ(Mounts()
                .WaitFor("/f",
                         [](const v1::MountInfo& mount) {
                           return mount.state() == v1::MOUNT_STATE_UP;
                         })
                .kind(),
            "filesystem");
  EXPECT_EQ(Mounts().Status().mount_problems_size(), 0);
}

TEST_F(MountFilesTest, AMountThatCannotBeOpenedIsDownAndTheRestIsServed) {
  MountFiles(Spec());
  client().Set("/f/x", "1");
  client().Set("/b", "2");
  const std::string away = directory() + "-away";
  // While the server is down.
  ASSERT_EQ(server().Terminate(), 0);
  std::filesystem::rename(directory(), away);
  Type(directory(), "no directory");
  ASSERT_TRUE(server().Restart().ok());
  const std::unique_ptr<Client> client = NewClient();
  MountClient mounts(client->channel());
  const v1::MountInfo down = mounts.At("/f");
  EXPECT_EQ(down.state(), v1::MOUNT_STATE_DOWN);
  EXPECT_EQ(down.spec().filesystem().directory(), directory());
  ASSERT_GE(down.problems_size(), 1);
  EXPECT_EQ(mounts.Status().mount_problems_size(), 1);
  EXPECT_TRUE(mounts.Status().taking_writes());
  EXPECT_EQ(client->Get("/b"), "2");
  client->Set("/b", "3");
  v1::GetStateRequest read;
  read.mutable_path()->set_text("/f/x");
  EXPECT_EQ(CodeAndReason(client->GetState(read).status),
            "UNAVAILABLE / MOUNT_UNAVAILABLE");
  v1::SetStateRequest write;
  write.mutable_path()->set_text("/f/x");
  write.mutable_value()->set_int_value(1);
  EXPECT_EQ(CodeAndReason(client->SetState(write).status),
            "UNAVAILABLE / MOUNT_UNAVAILABLE");

  // Once it is put right, the next start has it.
  ASSERT_EQ(server().Terminate(), 0);
  std::filesystem::remove(directory());
  std::filesystem::rename(away, directory());
  ASSERT_TRUE(server().Restart().ok());
  EXPECT_EQ(NewClient()->Get("/"), R"({"b":3,"f":{"x":1}})");
}

class MountFilesInMemoryTest : public MountFilesTest {
 protected:
  MountFilesInMemoryTest() : MountFilesTest(Storage::kMemory) {}
};

TEST_F(MountFilesInMemoryTest, AStopThatLosesWhatNoJournalHasSaysSo) {
  MountFiles(Spec());
  // A file where a directory has to be.
  Type(directory() + "/x", "in the way");
  client().Set("/f/x/y", "1");
  EXPECT_EQ(Mounts().At("/f").pending_writes(), 1);
  EXPECT_EQ(server().Terminate(), 1);
  EXPECT_NE(server().Log().find("not everything could be applied"),
            std::string::npos)
      << server().Log();
}

// Writes counters and remembers what was answered. Thread-safe.
class Writer {
 public:
  explicit Writer(std::unique_ptr<Client> client)
      : client_(std::move(client)), thread_([this] { Run(); }) {}
  // Waits for so many answers.
  void WaitForAnswers(int count) {
    MutexLock lock(&mutex_);
    while (answered_count_ < count) changed_.Wait(&mutex_);
  }
  void Join() { thread_.join(); }
  // By key: the last value that was answered, and the one that was sent last.
  struct Sent {
    int answered = 0;
    int sent = 0;
  };
  std::map<std::string, Sent> sent() const {
    MutexLock lock(&mutex_);
    return sent_;
  }

 private:
  static constexpr int kKeys = 7;

  void Run() {
    for (int i = 1;; ++i) {
      const std::string path = "/f/k" + std::to_string(i % kKeys);
      {
        MutexLock lock(&mutex_);
        sent_[path].sent = i;
      }
      v1::SetStateRequest request;
      request.mutable_path()->set_text(path);
      request.mutable_value()->set_int_value(i);
      if (!client_->SetState(request).ok()) return;
      MutexLock lock(&mutex_);
      sent_[path].answered = i;
      ++answered_count_;
      changed_.NotifyAll();
    }
  }

  const std::unique_ptr<Client> client_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::string, Sent> sent_ ABSL_GUARDED_BY(mutex_);
  int answered_count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

TEST_F(MountFilesTest, NoAnsweredWriteIsLostByKills) {
  constexpr int kRounds = 12;
  const unsigned seed = std::random_device()();
  std::cerr << "seed " << seed << std::endl;
  std::minstd_rand random(seed);
  MountFiles(Spec());
  for (int round = 0; round < kRounds; ++round) {
    Writer writer(NewClient());
    writer.WaitForAnswers(std::uniform_int_distribution<int>(1, 60)(random));
    // Files take longer than answers: most kills find some in the journal.
    server().Kill();
    writer.Join();
    ASSERT_TRUE(server().Restart().ok());
    const std::unique_ptr<Client> client = NewClient();
    for (const auto& [path, value] : writer.sent()) {
      const int now = std::stoi(client->Get(path).value_or("0"));
      EXPECT_TRUE(now == value.answered || now == value.sent)
          << path << " is " << now << ", answered " << value.answered
          << ", sent " << value.sent;
    }
    // And the files say so.
    const auto flushed = MountClient(client->channel()).Flush("/f");
    ASSERT_TRUE(flushed.ok()) << FailureOf(flushed.status);
    for (const auto& [path, value] : writer.sent()) {
      const std::optional<std::string> now = client->Get(path);
      EXPECT_EQ(TextOf(directory() + path.substr(2) + ".json"),
                now.has_value() ? *now + "\n" : "");
    }
    // The next round begins from nothing.
    client->Delete("/f");
  }
}

}  // namespace
}  // namespace restate::test
