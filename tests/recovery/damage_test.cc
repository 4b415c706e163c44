// Bytes of a stopped server's files are changed, anywhere: the server then
// refuses to start, naming the place, or reads every value as it was written,
// or says DATA_LOSS. No value is ever wrong or missing.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

namespace fs = std::filesystem;

constexpr int kRounds = 16;

class DamageTest : public testing::Test {
 protected:
  // Fills a server, and keeps its files as they are when it is gone.
  void Fill(bool killed) {
    ServerProcess::Options options;
    options.data_dir = data_.path() + "/original";
    auto server = ServerProcess::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    for (int start = 0; start < 2; ++start) {
      Client client((*server)->address());
      for (int i = 0; i < 40; ++i) {
        const std::string path = absl::StrCat("/", start, "/", i % 7, "/", i);
        const std::string value =
            absl::StrCat("\"", std::string(1 + i * 40, 'v'), i, "\"");
        client.Set(path, value);
        written_[path] = value;
      }
      if (start == 0) {
        ASSERT_EQ((*server)->Terminate(), 0);
        ASSERT_TRUE((*server)->Restart().ok());
      }
    }
    if (killed) {
      (*server)->Kill();
    } else {
      ASSERT_EQ((*server)->Terminate(), 0);
    }
  }

  // A copy of the files with some bytes of one of them changed; which, as text.
  std::string Damage(std::mt19937& random) {
    fs::remove_all(data_.path() + "/damaged");
    fs::copy(data_.path() + "/original", data_.path() + "/damaged",
             fs::copy_options::recursive);
    std::vector<fs::path> files;
    for (const auto& entry :
         fs::directory_iterator(data_.path() + "/damaged/rocksdb")) {
      // The options are there for people: nothing reads them.
      const std::string name = entry.path().filename();
      if (entry.file_size() > 0 && !absl::StartsWith(name, "OPTIONS")) {
        files.push_back(entry.path());
      }
    }
    const fs::path file = files[random() % files.size()];
    std::ifstream in(file, std::ios::binary);
    std::string bytes(std::istreambuf_iterator<char>(in), {});
    in.close();
    const size_t at = random() % bytes.size();
    const size_t count = random() % 3 == 0 ? 1 + random() % 64 : 1;
    for (size_t i = at; i < bytes.size() && i < at + count; ++i) {
      bytes[i] = static_cast<char>(bytes[i] ^ (1 + random() % 255));
    }
    std::ofstream(file, std::ios::binary) << bytes;
    return absl::StrCat(file.filename().string(), " at byte ", at, ", ", count,
                        " of ", bytes.size());
  }

  // What the server makes of it.
  std::string Start(const std::string& damage) {
    ServerProcess::Options options;
    options.data_dir = data_.path() + "/damaged";
    auto server = ServerProcess::Start(options);
    if (!server.ok()) {
      // One count in each data file ends the process in RocksDB itself
      // (engine/backend/rocksdb/random_damage_test.cc).
      if (absl::StrContains(server.status().message(), "Assertion `")) {
        return "refused by RocksDB";
      }
      EXPECT_TRUE(absl::StrContains(server.status().message(), "is damaged"))
          << damage << ": " << server.status();
      EXPECT_TRUE(absl::StrContains(server.status().message(),
                                    options.data_dir))
          << damage << ": " << server.status();
      return "refused";
    }
    Client client((*server)->address());
    bool lost = false;
    for (const auto& [path, value] : written_) {
      v1::GetStateRequest request;
      request.mutable_path()->set_text(path);
      const auto reply = client.GetState(request);
      if (reply.ok()) {
        const std::string& found =
            reply.response.value().json().string_value();
        EXPECT_EQ(absl::StrCat("\"", found, "\""), value)
            << damage << ": " << path;
        continue;
      }
      EXPECT_EQ(CodeAndReason(reply.status), "DATA_LOSS / CORRUPT")
          << damage << ": " << path;
      lost = true;
    }
    return lost ? "DATA_LOSS when read" : "read as written";
  }

  void Run(bool killed) {
    Fill(killed);
    if (HasFatalFailure()) return;
    const char* const asked = std::getenv("RESTATE_DAMAGE");
    const uint32_t seed = asked != nullptr
                              ? static_cast<uint32_t>(std::atol(asked))
                              : std::random_device()();
    std::cout << "RESTATE_DAMAGE=" << seed << "\n";
    std::mt19937 random(seed);
    std::map<std::string, int> outcomes;
    for (int i = 0; i < kRounds && !HasFailure(); ++i) {
      const std::string damage = Damage(random);
      const std::string outcome = Start(damage);
      std::cout << damage << ": " << outcome << "\n";
      ++outcomes[outcome];
    }
    for (const auto& [outcome, count] : outcomes) {
      std::cout << outcome << ": " << count << "\n";
    }
  }

  TempDir data_;
  // Values as JSON, by path.
  std::map<std::string, std::string> written_;
};

TEST_F(DamageTest, AfterAnOrderlyStop) { Run(/*killed=*/false); }

TEST_F(DamageTest, AfterAKill) { Run(/*killed=*/true); }

}  // namespace
}  // namespace restate::test
