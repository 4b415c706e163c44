// kill -9 of a server that has a directory of files and another server mounted,
// and of that other one, while transactions write to all of them at once.
// Afterwards each transaction is on every mount or on none, and every answered
// one is there: what was decided and not applied is applied after the start.
//
// RESTATE_KILLS sets how many kills; RESTATE_SEED replays a run as far as the
// machine's scheduling allows.

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/mount_client.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

constexpr int kWriters = 4;
constexpr int kDefaultKills = 8;
const char* const kPlaces[] = {"/db", "/files", "/far"};

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

// What one writer has sent, and what it was answered. Each of its commits
// writes the next number to its own path in every place.
struct Progress {
  std::atomic<int64_t> sent = 0;
  std::atomic<int64_t> answered = 0;
};

class MountsKillTest : public testing::Test {
 protected:
  MountsKillTest() {
    ServerProcess::Options far;
    far.data_dir = far_data_.path();
    far.keep_address = true;
    far.extra_args = {
        "--config",
        WriteConfig("far.yaml", "exports:\n  - {path: /shared}\n")};
    far_ = Started(far);
    ServerProcess::Options near;
    near.data_dir = near_data_.path();
    near.extra_args = {
        "--config",
        WriteConfig("near.yaml",
                    "mounts:\n"
                    "  - {path: /, backend: rocksdb}\n"
                    "  - {path: /files, backend: filesystem, directory: " +
                        files_.path() +
                        "}\n"
                        "  - {path: /far, backend: remote, address: \"" +
                        far_->address() + "\", export: /shared}\n")};
    near_ = Started(near);
  }

  std::string WriteConfig(const std::string& name, const std::string& yaml) {
    const std::string path = configs_.path() + "/" + name;
    std::ofstream(path) << yaml;
    return path;
  }
  static std::unique_ptr<ServerProcess> Started(
      const ServerProcess::Options& options) {
    auto server = ServerProcess::Start(options);
    EXPECT_TRUE(server.ok()) << server.status();
    return *std::move(server);
  }

  // Until the server is gone. A mount that is down refuses, and the same number
  // is sent again.
  void WriteEverywhere(int w) {
    Client client(near_->address());
    Progress& progress = everywhere_[w];
    int64_t number = progress.sent + 1;
    while (true) {
      v1::CommitRequest request;
      for (const char* place : kPlaces) {
        auto* set = request.add_operations()->mutable_set();
        set->mutable_path()->set_text(std::string(place) + "/" +
                                      std::to_string(w));
        set->mutable_value()->set_int_value(number);
      }
      progress.sent = number;
      const auto reply = client.Commit(request);
      if (reply.ok()) {
        progress.answered = number++;
        continue;
      }
      const Failure failure = FailureOf(reply.status);
      EXPECT_EQ(failure.code, "UNAVAILABLE") << failure;
      if (failure.reason != "MOUNT_UNAVAILABLE") return;
    }
  }
  // Where no store is far away: never refused.
  void WriteHere() {
    Client client(near_->address());
    int64_t number = here_.sent + 1;
    while (true) {
      v1::SetStateRequest request;
      request.mutable_path()->set_text("/here");
      request.mutable_value()->set_int_value(number);
      here_.sent = number;
      const auto reply = client.SetState(request);
      if (!reply.ok()) {
        const Failure failure = FailureOf(reply.status);
        EXPECT_EQ(failure.reason, "");
        if (killing_) return;
        // The connection was lost, and the server was not.
        std::cerr << "a write here was cut off: " << failure << std::endl;
        continue;
      }
      here_.answered = number++;
    }
  }
  void WaitForAnswers(const Progress& progress, int64_t more) {
    const int64_t enough = progress.answered + more;
    while (progress.answered < enough && !HasFailure()) {
      std::this_thread::yield();
    }
  }

  // What a path of the near server holds; 0 if nothing is there. Asks until the
  // far one can be reached.
  static int64_t NumberAt(Client& client, const std::string& path) {
    v1::GetStateRequest request;
    request.mutable_path()->set_text(path);
    request.set_encoding(v1::VALUE_ENCODING_TYPED);
    while (true) {
      const auto reply = client.GetState(request);
      if (reply.ok()) return reply.response.value().int_value();
      EXPECT_EQ(FailureOf(reply.status).reason, "MOUNT_UNAVAILABLE");
      if (HasFailure()) return -1;
    }
  }

  void Check() {
    Client client(near_->address());
    for (int w = 0; w < kWriters; ++w) {
      const std::string name = "/" + std::to_string(w);
      const int64_t number = NumberAt(client, "/db" + name);
      EXPECT_GE(number, everywhere_[w].answered) << "writer " << w;
      EXPECT_LE(number, everywhere_[w].sent) << "writer " << w;
      for (const char* place : kPlaces) {
        EXPECT_EQ(NumberAt(client, place + name), number) << place << name;
      }
      everywhere_[w].sent = number;
      everywhere_[w].answered = number;
    }
    const int64_t here = NumberAt(client, "/here");
    EXPECT_GE(here, here_.answered);
    EXPECT_LE(here, here_.sent);
    here_.sent = here;
    here_.answered = here;
  }

  TempDir configs_;
  TempDir near_data_;
  TempDir far_data_;
  TempDir files_;
  std::unique_ptr<ServerProcess> far_;
  std::unique_ptr<ServerProcess> near_;
  Progress everywhere_[kWriters];
  Progress here_;
  // The near server is being killed: what is under way fails.
  std::atomic<bool> killing_ = false;
};

TEST_F(MountsKillTest, ACommitIsOnEveryMountOrOnNone) {
  const uint64_t seed = FromEnvironment("RESTATE_SEED", std::random_device()());
  const int64_t kills = FromEnvironment("RESTATE_KILLS", kDefaultKills);
  std::cout << "seed " << seed << ", " << kills << " kills" << std::endl;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int64_t kill = 0; kill < kills; ++kill) {
    SCOPED_TRACE("kill " + std::to_string(kill));
    std::vector<std::thread> writers;
    for (int w = 0; w < kWriters; ++w) {
      writers.emplace_back([this, w] { WriteEverywhere(w); });
    }
    writers.emplace_back([this] { WriteHere(); });
    WaitForAnswers(everywhere_[0], 1 + static_cast<int64_t>(random() % 30));
    if (random() % 3 == 0) {
      // The far server goes: all that does not need it goes on, and so does the
      // rest when it is back.
      far_->Kill();
      WaitForAnswers(here_, 50);
      const absl::Status back = far_->Restart();
      EXPECT_TRUE(back.ok()) << back;
      WaitForAnswers(everywhere_[0], 1);
    }
    killing_ = true;
    near_->Kill();
    for (std::thread& writer : writers) writer.join();
    killing_ = false;
    if (random() % 4 == 0) {
      far_->Kill();
      const absl::Status back = far_->Restart();
      EXPECT_TRUE(back.ok()) << back;
    }
    const absl::Status started = near_->Restart();
    ASSERT_TRUE(started.ok()) << started;
    Check();
    if (HasFailure()) return;
  }

  // The stores themselves have it all.
  Client near(near_->address());
  MountClient mounts(near.channel());
  while (!mounts.Flush("/").ok() && !HasFailure()) {
  }
  Client far(far_->address());
  for (int w = 0; w < kWriters; ++w) {
    const std::string name = "/" + std::to_string(w);
    EXPECT_EQ(NumberAt(far, "/shared" + name), everywhere_[w].answered);
    std::ifstream file(files_.path() + name + ".json");
    // A file that is not there reads as the 0 of a path that holds nothing.
    int64_t number = 0;
    file >> number;
    EXPECT_EQ(number, everywhere_[w].answered) << name;
  }
  EXPECT_EQ(near_->Terminate(), 0);
  EXPECT_EQ(far_->Terminate(), 0);
  if (HasFailure()) {
    std::cerr << near_->Log() << "\nfar:\n" << far_->Log() << std::endl;
  }
}

}  // namespace
}  // namespace restate::test
