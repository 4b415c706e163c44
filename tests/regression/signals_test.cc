// SIGUSR1, from a finger or a supervisor, made the server deaf to SIGTERM: it was
// what ended the thread that waits for signals. SIGHUP from a log rotation,
// SIGUSR2 and SIGALRM killed it without a goodbye.
//
// Here every signal comes while the server is idle and while it writes, and
// SIGTERM, SIGINT and SIGXCPU end it in good order after that.
#include <signal.h>
#include <string.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/server_process.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

// Those that change nothing.
std::vector<int> Harmless() {
  return {SIGHUP,   SIGUSR1, SIGUSR2,  SIGALRM, SIGVTALRM,    SIGPROF,
          SIGIO,    SIGPWR,  SIGSTKFLT, SIGPIPE, SIGXFSZ,     SIGTTIN,
          SIGTTOU,  SIGCHLD, SIGURG,   SIGWINCH, SIGCONT,     SIGRTMIN,
          SIGRTMIN + 1, SIGRTMAX};
}

// Writes 1, 2, 3 ... to /n until that fails.
class Writer {
 public:
  explicit Writer(std::unique_ptr<Client> client)
      : client_(std::move(client)), thread_([this] { Run(); }) {}
  ~Writer() { Join(); }

  void Join() {
    if (thread_.joinable()) thread_.join();
  }
  int64_t answered() const { return answered_; }
  // Waits for `count` more answers. False if it failed before.
  bool WaitForMore(int64_t count) {
    const int64_t goal = answered_ + count;
    while (answered_ < goal && !failed_) std::this_thread::yield();
    return answered_ >= goal;
  }
  std::string failure() const { return failure_; }

 private:
  void Run() {
    for (int64_t i = 1;; ++i) {
      v1::SetStateRequest request;
      request.mutable_path()->set_text("/n");
      request.mutable_value()->set_int_value(i);
      const auto reply = client_->SetState(request);
      if (!reply.ok()) {
        failure_ = CodeAndReason(reply.status);
        failed_ = true;
        return;
      }
      answered_ = i;
    }
  }

  const std::unique_ptr<Client> client_;
  std::atomic<int64_t> answered_ = 0;
  std::atomic<bool> failed_ = false;
  std::string failure_;
  std::thread thread_;
};

class SignalsTest : public ServerTest, public testing::WithParamInterface<int> {
 protected:
  void ExpectKept(int64_t answered) {
    const absl::Status restarted = server().Restart();
    ASSERT_TRUE(restarted.ok()) << restarted;
    const int64_t kept =
        Client(server().address()).GetTyped("/n")->int_value();
    // One more may have been written whose answer was cut off.
    EXPECT_GE(kept, answered);
    EXPECT_LE(kept, answered + 1);
  }
};

// Each of them ends a server, after all the others have come.
INSTANTIATE_TEST_SUITE_P(Ends, SignalsTest,
                         testing::Values(SIGTERM, SIGINT, SIGXCPU),
                         [](const auto& info) {
                           return std::string("By") + sigabbrev_np(info.param);
                         });

TEST_P(SignalsTest, AnIdleServerGoesOnAndEndsInGoodOrder) {
  for (int number : Harmless()) {
    SCOPED_TRACE(strsignal(number));
    for (int i = 0; i < 3; ++i) server().Signal(number);
    client().Set("/n", std::to_string(number));
  }
  server().Signal(GetParam());
  ASSERT_EQ(server().WaitForExit(), 0);
  EXPECT_NE(server().Log().find("SIGHUP"), std::string::npos);
  ExpectKept(SIGRTMAX);
}

TEST_P(SignalsTest, AServerThatWritesGoesOnAndEndsInGoodOrder) {
  Writer writer(NewClient());
  ASSERT_TRUE(writer.WaitForMore(5));
  for (int number : Harmless()) {
    for (int i = 0; i < 3; ++i) {
      server().Signal(number);
      ASSERT_TRUE(writer.WaitForMore(1))
          << strsignal(number) << ": " << writer.failure();
    }
  }
  server().Signal(GetParam());
  ASSERT_EQ(server().WaitForExit(), 0);
  writer.Join();
  ExpectKept(writer.answered());
}

class SecondSignalTest : public ServerTest {};

TEST_F(SecondSignalTest, EndsItAtOnce) {
  client().Set("/n", "1");
  // Both are there before it can do anything about the first.
  server().Freeze();
  server().Signal(SIGTERM);
  server().Signal(SIGINT);
  server().Thaw();
  EXPECT_EQ(server().WaitForExit(), 130);
  const absl::Status restarted = server().Restart();
  ASSERT_TRUE(restarted.ok()) << restarted;
  EXPECT_EQ(Client(server().address()).Get("/n"), "1");
}

TEST_F(SecondSignalTest, OneThatMeansNothingIsNoSecond) {
  server().Freeze();
  server().Signal(SIGTERM);
  for (int number : Harmless()) {
    if (number != SIGCONT) server().Signal(number);
  }
  server().Thaw();
  EXPECT_EQ(server().WaitForExit(), 0);
}

}  // namespace
}  // namespace restate::test
