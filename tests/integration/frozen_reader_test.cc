// A subscriber in a process that stands still (SIGSTOP) while others write: what
// it costs the server and the writers, and what it is told when it goes on.
//
// RESTATE_FROZEN_WRITES sets how many writes of 1 KiB; 10,000 by default. The
// figures are printed; only what does not depend on the machine is asserted.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/reader_process.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

constexpr int kWriters = 16;
constexpr int kPaths = 64;
// What the server holds for one subscriber, by default.
constexpr int64_t kQueueBytes = int64_t{8} << 20;
// What else the two runs may differ by: the allocator's pages, gRPC's buffers,
// and at what point RocksDB's memtables are when the run ends.
#if defined(__SANITIZE_ADDRESS__) || defined(_GLIBCXX_TSAN)
// A sanitizer's own memory, which follows every byte that is touched and keeps
// freed ones for a while, is many times that.
constexpr int64_t kMarginBytes = int64_t{1} << 30;
#else
constexpr int64_t kMarginBytes = int64_t{24} << 20;
#endif

int Writes() {
  const char* text = std::getenv("RESTATE_FROZEN_WRITES");
  return text == nullptr ? 10'000 : std::atoi(text);
}

std::string Number(int number) {
  char digits[16];
  std::snprintf(digits, sizeof(digits), "%08d", number);
  return digits;
}

// What one run came to.
struct Figures {
  int64_t grown_bytes = 0;
  double seconds = 0;
  double p50_ms = 0;
  double p99_ms = 0;
};

class FrozenReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    ServerProcess::Options options;
    options.data_dir = data_.path();
    auto server = ServerProcess::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    // Everything that is made once is there before anything is measured.
    Client client(server_->address());
    for (int i = 0; i < 200; ++i) {
      client.Set("/warm/k" + std::to_string(i), "1");
    }
  }
  void TearDown() override {
    if (HasFailure()) std::cerr << server_->Log() << std::endl;
  }

  static void Set(Client* client, const std::string& path, std::string text) {
    v1::SetStateRequest request;
    request.mutable_path()->set_text(path);
    request.mutable_value()->set_string_value(std::move(text));
    const auto reply = client->SetState(request);
    ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
  }

  // Number i is written by writer i modulo their count, so numbers reach the
  // server nearly in order, and all of them are told.
  Figures Write() {
    using Clock = std::chrono::steady_clock;
    const int writes = Writes();
    const int64_t before = server_->ResidentBytes();
    const auto begin = Clock::now();
    std::vector<std::vector<double>> latencies(kWriters);
    std::vector<std::thread> writers;
    for (int w = 0; w < kWriters; ++w) {
      writers.emplace_back([&, w] {
        Client client(server_->address());
        for (int i = w; i < writes; i += kWriters) {
          std::string text = Number(i);
          text.resize(1024, 'x');
          const auto sent = Clock::now();
          Set(&client, "/f/k" + std::to_string(i % kPaths), std::move(text));
          latencies[w].push_back(
              std::chrono::duration<double, std::milli>(Clock::now() - sent)
                  .count());
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    Figures figures;
    figures.seconds =
        std::chrono::duration<double>(Clock::now() - begin).count();
    figures.grown_bytes = server_->ResidentBytes() - before;
    std::vector<double> all;
    for (const auto& of_one : latencies) {
      all.insert(all.end(), of_one.begin(), of_one.end());
    }
    std::sort(all.begin(), all.end());
    figures.p50_ms = all[all.size() / 2];
    figures.p99_ms = all[all.size() * 99 / 100];
    return figures;
  }
  void WriteEnd() {
    Client client(server_->address());
    Set(&client, "/f/end", "end");
  }

  static void Print(const std::string& run, const Figures& figures) {
    std::printf("%-22s %6.1f MiB grown, %7.0f writes/s, p50 %.2f ms, "
                "p99 %.2f ms\n",
                run.c_str(),
                static_cast<double>(figures.grown_bytes) / (1 << 20),
                Writes() / figures.seconds, figures.p50_ms, figures.p99_ms);
    std::fflush(stdout);
  }

  // The figures without a frozen reader: measured once, first.
  static Figures& Alone() {
    static Figures figures;
    return figures;
  }

  // A run with a frozen reader; gives what the reader says in the end.
  std::string Run(const std::string& name, v1::SubscribeOverflow overflow) {
    auto reader =
        ReaderProcess::Start(server_->address(), overflow, "/f/*");
    EXPECT_TRUE(reader.ok()) << reader.status();
    if (!reader.ok()) return "";
    (*reader)->Freeze();
    const Figures figures = Write();
    Print(name, figures);
    EXPECT_LE(figures.grown_bytes,
              Alone().grown_bytes + kQueueBytes + kMarginBytes);
    WriteEnd();
    (*reader)->Thaw();
    std::string said = (*reader)->ReadLine();
    std::cout << "  it was told: " << said << std::endl;
    return said;
  }

  static int64_t FieldOf(const std::string& said, const std::string& name) {
    const size_t at = (" " + said).find(" " + name + "=");
    EXPECT_NE(at, std::string::npos) << name << " in: " << said;
    if (at == std::string::npos) return -1;
    return std::atoll(said.c_str() + at + name.size() + 1);
  }

  TempDir data_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(FrozenReaderTest, AloneFirst) {
  Alone() = Write();
  Print("no reader", Alone());
}

TEST_F(FrozenReaderTest, FromTheHistoryItIsToldEverything) {
  const std::string said =
      Run("frozen, HISTORY", v1::SUBSCRIBE_OVERFLOW_HISTORY);
  EXPECT_EQ(FieldOf(said, "events"), Writes() + 1);
  EXPECT_EQ(FieldOf(said, "numbers"), Writes());
  EXPECT_EQ(FieldOf(said, "gaps"), 0);
  EXPECT_EQ(FieldOf(said, "coalesced"), 0);
  EXPECT_NE(said.find(" end=end"), std::string::npos) << said;
}

TEST_F(FrozenReaderTest, CoalescedItIsToldTheLatestAndHowMuchIsMissing) {
  const std::string said =
      Run("frozen, COALESCE", v1::SUBSCRIBE_OVERFLOW_COALESCE);
  EXPECT_EQ(FieldOf(said, "events") + FieldOf(said, "coalesced"),
            Writes() + 1);
  EXPECT_EQ(FieldOf(said, "gap_events"), FieldOf(said, "coalesced"));
  EXPECT_NE(said.find(" end=end"), std::string::npos) << said;
}

TEST_F(FrozenReaderTest, EndedItIsToldSo) {
  const std::string said = Run("frozen, END", v1::SUBSCRIBE_OVERFLOW_END);
  EXPECT_EQ(FieldOf(said, "gaps"), 0);
  EXPECT_EQ(FieldOf(said, "coalesced"), 0);
  EXPECT_EQ(FieldOf(said, "numbers"),
            std::min<int64_t>(FieldOf(said, "events"), Writes()));
  if (said.find(" end=RESOURCE_EXHAUSTED / SLOW_SUBSCRIBER") ==
      std::string::npos) {
    // All of it has found room on the way.
    EXPECT_EQ(FieldOf(said, "events"), Writes() + 1);
  } else {
    EXPECT_LT(FieldOf(said, "events"), Writes() + 1);
  }
}

}  // namespace
}  // namespace restate::test
