// The real server ended by SIGKILL at the places between two steps of a write
// to a mount of files, and of a store in the network: when it is decided and
// nobody has it, when a store has half of it, and when a store has all and that
// is not noted. After the next start all of it is there, once.
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "service/remote/testing/store_server.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/gate.h"
#include "tests/support/mount_client.h"
#include "tests/support/server_process.h"
#include "tests/support/subscription_reader.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

constexpr int kKilled = 128 + SIGKILL;

// A server with RocksDB at / and what the test is about at /m. Its first commit
// leaves /count, /m/a and /m/b; a second is what the crash meets.
class CrashPointTest : public testing::TestWithParam<const char*> {
 protected:
  virtual std::string MountYaml() = 0;
  // What the second commit writes to /m/a and /m/b.
  virtual std::string New() const = 0;

  void SetUp() override {
    const std::string config = config_.path() + "/restate.yaml";
    std::ofstream(config) << "mounts:\n  - {path: /, backend: rocksdb}\n"
                          << MountYaml();
    ServerProcess::Options options;
    options.data_dir = data_.path();
    options.extra_args = {"--config", config};
    auto server = ServerProcess::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    ASSERT_TRUE(Commit("old").ok());
    ASSERT_TRUE(Flush().ok());
    before_ = NewClient()->Revision();
    ASSERT_EQ(server_->Terminate(), 0);
  }
  void TearDown() override {
    if (HasFailure()) std::cerr << server_->Log() << std::endl;
  }

  std::unique_ptr<Client> NewClient() {
    return std::make_unique<Client>(server_->address());
  }
  // One commit over both mounts: sums, so that twice is not once.
  Reply<v1::CommitResponse> Commit(const std::string& value) {
    v1::CommitRequest request;
    for (const char* path : {"/count", "/m/count"}) {
      auto* add = request.add_operations()->mutable_set();
      add->mutable_path()->set_text(path);
      add->set_mode(v1::WRITE_MODE_ADD);
      add->mutable_value()->set_int_value(1);
    }
    for (const char* path : {"/m/a", "/m/b"}) {
      auto* set = request.add_operations()->mutable_set();
      set->mutable_path()->set_text(path);
      set->mutable_value()->set_string_value(value);
    }
    return NewClient()->Commit(request);
  }
  grpc::Status Flush() {
    const auto client = NewClient();
    return MountClient(client->channel()).Flush("/").status;
  }
  // Starts the server so that it ends at `point`, if it gets that far before it
  // serves too.
  void StartToCrashAt(const std::string& point) {
    const absl::Status started =
        server_->Restart({"RESTATE_CRASH_AT=" + point});
    if (started.ok()) {
      EXPECT_EQ(server_->WaitForExit(), kKilled);
    }
  }
  void CrashOnTheSecondCommitAt(const std::string& point) {
    const absl::Status started =
        server_->Restart({"RESTATE_CRASH_AT=" + point});
    ASSERT_TRUE(started.ok()) << started;
    EXPECT_NE(server_->Log().find("RESTATE_CRASH_AT is set"),
              std::string::npos);
    const auto reply = Commit(New());
    // Once published it may have been answered.
    if (point == "decided" || !reply.ok()) {
      EXPECT_EQ(CodeAndReason(reply.status), "UNAVAILABLE");
    }
    ASSERT_EQ(server_->WaitForExit(), kKilled);
  }
  void Start() {
    const absl::Status started = server_->Restart();
    ASSERT_TRUE(started.ok()) << started;
  }
  // All of the second commit, and nothing twice.
  void ExpectSecondCommit() {
    const auto client = NewClient();
    EXPECT_EQ(client->Get("/count"), "2");
    EXPECT_EQ(client->Get("/m/count"), "2");
    const std::string value = "\"" + New() + "\"";
    EXPECT_TRUE(client->Get("/m/a") == value);
    EXPECT_TRUE(client->Get("/m/b") == value);
    const std::vector<std::string> events = EventsAfterTheFirst();
    EXPECT_EQ(events, (std::vector<std::string>{"/count", "/m/count", "/m/a",
                                                "/m/b"}));
  }
  // Where the commits after the first were, with "MOUNT" before those that are
  // about a mount.
  std::vector<std::string> EventsAfterTheFirst() {
    v1::SubscribeRequest request;
    request.add_patterns()->set_text("/");
    request.set_after_revision(before_);
    SubscriptionReader reader(Connect(server_->address()), request);
    v1::PingRequest ping;
    ping.mutable_path()->set_text("/end");
    NewClient()->Ping(ping);
    EXPECT_TRUE(reader.WaitUntil([](const std::vector<v1::Event>& events) {
      return !events.empty() && events.back().kind() == v1::EVENT_KIND_PING &&
             events.back().emitting_path().text() == "/end";
    }));
    std::vector<std::string> places;
    for (const v1::Event& event : reader.events()) {
      if (event.kind() == v1::EVENT_KIND_PING) continue;
      places.push_back(
          (event.origin().kind() == v1::Origin::KIND_MOUNT ? "MOUNT " : "") +
          event.emitting_path().text());
    }
    return places;
  }

  TempDir data_;
  TempDir config_;
  std::unique_ptr<ServerProcess> server_;
  int64_t before_ = 0;
};

class FilesCrashTest : public CrashPointTest {
 protected:
  std::string MountYaml() override {
    return "  - {path: /m, backend: filesystem, directory: " + files_.path() +
           "}\n";
  }
  std::string New() const override { return "new"; }

  // What lies in the directory, without the server's own files.
  std::string Files() const {
    std::vector<std::string> files;
    for (const auto& entry :
         std::filesystem::directory_iterator(files_.path())) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(".")) continue;
      std::ifstream in(entry.path());
      std::stringstream text;
      text << in.rdbuf();
      std::string content = text.str();
      std::erase_if(content, [](char c) { return c == '\n' || c == '"'; });
      files.push_back(name + "=" + content);
    }
    std::sort(files.begin(), files.end());
    std::string all;
    for (const std::string& file : files) all += file + " ";
    return all;
  }

  TempDir files_;
};

constexpr char kOldFiles[] = "a.json=old b.json=old count.json=1 ";
constexpr char kNewFiles[] = "a.json=new b.json=new count.json=2 ";

TEST_P(FilesCrashTest, IsAllThereOnce) {
  const std::string point = GetParam();
  CrashOnTheSecondCommitAt(point);
  const std::string left = Files();
  if (point == "decided") {
    EXPECT_EQ(left, kOldFiles);
  } else if (point == "applying") {
    EXPECT_EQ(left, "a.json=new b.json=old count.json=1 ");
  } else {
    EXPECT_EQ(left, kNewFiles);
  }
  Start();
  ExpectSecondCommit();
  ASSERT_TRUE(Flush().ok());
  EXPECT_EQ(Files(), kNewFiles);
  // Nor does anything change when it starts once more.
  ASSERT_EQ(server_->Terminate(), 0);
  Start();
  ExpectSecondCommit();
  EXPECT_EQ(Files(), kNewFiles);
  EXPECT_EQ(server_->Terminate(), 0);
}

INSTANTIATE_TEST_SUITE_P(Points, FilesCrashTest,
                         testing::Values("decided", "applying", "applied"),
                         [](const auto& info) {
                           return std::string(info.param);
                         });

class FilesCrashAgainTest : public FilesCrashTest {};

TEST_P(FilesCrashAgainTest, CrashesOfTheNextStartsDoNoHarm) {
  CrashOnTheSecondCommitAt(GetParam());
  StartToCrashAt("applying:2");
  StartToCrashAt("applied");
  Start();
  ExpectSecondCommit();
  ASSERT_TRUE(Flush().ok());
  EXPECT_EQ(Files(), kNewFiles);
  EXPECT_EQ(server_->Terminate(), 0);
}

INSTANTIATE_TEST_SUITE_P(Points, FilesCrashAgainTest,
                         testing::Values("decided"));

class RemoteCrashTest : public CrashPointTest {
 protected:
  RemoteCrashTest() {
    store_server_.set_before_apply([this] { gate_.Pass(); });
  }
  ~RemoteCrashTest() override { gate_.Open(); }

  std::string MountYaml() override {
    return "  - {path: /m, backend: remote, deadline: 60s, address: \"" +
           store_server_.address() + "\"}\n";
  }
  // Two of them are more than one call carries.
  std::string New() const override { return std::string(700'000, 'n'); }

  // What the store has, with the first letters of strings.
  std::string Stored() const {
    ScanRange range;
    range.max_entries = 100;
    range.max_bytes = size_t{1} << 30;
    const absl::StatusOr<ScanPage> page = store_->Scan("", range);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return "";
    std::string all;
    for (const OwnValue& own : page->entries) {
      const std::string text =
          own.value.kind() == Value::Kind::kString
              ? std::string(own.value.as_string()).substr(0, 3)
              : own.value.DebugString();
      all += Path::FromKey(own.key).ToText() + "=" + text + " ";
    }
    return all;
  }

  Gate gate_;
  const std::shared_ptr<MemoryStore> store_ =
      std::make_shared<MemoryStore>("store");
  StoreServer store_server_{store_};
};

constexpr char kOldStored[] = "/a=old /b=old /count=1 ";
constexpr char kNewStored[] = "/a=nnn /b=nnn /count=2 ";

TEST_P(RemoteCrashTest, IsAllThereOnce) {
  const std::string point = GetParam();
  ASSERT_EQ(Stored(), kOldStored);
  const StoreVersion version = store_->GetInfo()->version;
  CrashOnTheSecondCommitAt(point);
  const std::string left = Stored();
  if (point == "decided") {
    EXPECT_EQ(left, kOldStored);
    EXPECT_EQ(store_->GetInfo()->version, version);
  } else if (point == "applying") {
    EXPECT_EQ(left, "/a=nnn /b=old /count=1 ");
    EXPECT_EQ(store_->GetInfo()->version, version);
  } else {
    EXPECT_EQ(left, kNewStored);
    EXPECT_FALSE(store_->GetInfo()->version == version);
  }
  // The store takes nothing for now: readers see what is decided all the same.
  gate_.Close();
  Start();
  ExpectSecondCommit();
  EXPECT_EQ(Stored(), left);
  gate_.Open();
  ASSERT_TRUE(Flush().ok());
  EXPECT_EQ(Stored(), kNewStored);
  ExpectSecondCommit();
  const size_t applies = store_->applies();
  ASSERT_EQ(server_->Terminate(), 0);
  // It is known to be there, and not sent again.
  Start();
  ExpectSecondCommit();
  EXPECT_EQ(store_->applies(), applies);
  EXPECT_EQ(Stored(), kNewStored);
  EXPECT_EQ(server_->Terminate(), 0);
}

INSTANTIATE_TEST_SUITE_P(Points, RemoteCrashTest,
                         testing::Values("decided", "applying", "applied"),
                         [](const auto& info) {
                           return std::string(info.param);
                         });

TEST(CrashVariableTest, ANameOfNoPlaceKeepsTheServerFromStarting) {
  TempDir data;
  ServerProcess::Options options;
  options.data_dir = data.path();
  auto server = ServerProcess::Start(options);
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_EQ((*server)->Terminate(), 0);
  const absl::Status started =
      (*server)->Restart({"RESTATE_CRASH_AT=somewhere"});
  EXPECT_EQ(started.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(std::string(started.message())
                .find("RESTATE_CRASH_AT=somewhere names no place"),
            std::string::npos);
}

}  // namespace
}  // namespace restate::test
