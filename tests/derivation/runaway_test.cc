// Lua transforms that never end, take all the memory, or fail, under many
// writes: the writes succeed, the failures are counted one by one, and nobody
// else is told anything wrong or late, and the server's memory stays.
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/derivation/derivation_client.h"
#include "tests/support/error_info.h"
#include "tests/support/scrape.h"
#include "tests/support/server_test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(_GLIBCXX_TSAN)
#define RESTATE_SANITIZED 1
#endif

namespace restate::test {
namespace {

constexpr int64_t kWrites = 200;
// At least so much of everybody else's.
constexpr int64_t kOtherCalls = 200;
// What one call may hold by default, and what everything else here may take:
// mostly what RocksDB, gRPC and the history keep of some thousand writes.
constexpr int64_t kCallBytes = int64_t{16} << 20;
constexpr int64_t kOtherBytes = int64_t{64} << 20;
// And for each write of those that run for as long as the runaways do: the history
// and RocksDB hold it in memory until their bounds.
constexpr int64_t kBytesOfAWrite = 512;

Path P(const std::string& text) { return *Path::Parse(text); }

struct Runaway {
  std::string name;
  std::string function;
  // As the metric counts it, and what ListDerivations says.
  std::string reason;
  std::string message;
};

std::vector<Runaway> Runaways() {
  return {
      {"loop", "while true do end", "budget",
       "the Lua function used its budget of 1000000 instructions"},
      {"allocate",
       "local held, text = {}, string.rep('x', 400) "
       "while true do held[#held + 1] = text .. #held end",
       "memory", "the Lua function used its 16777216 bytes of memory"},
      {"throw", "error('no ' .. x)", "error",
       absl::StrCat("lua:1: no ", kWrites)},
  };
}

std::string SourceOf(const Runaway& one) { return "/in/" + one.name; }
std::string DestOf(const Runaway& one) { return "/derived/" + one.name; }

class RunawayTest : public ServerTest {
 protected:
  // Nothing is put off because the machine is busy.
  std::string Config() const override {
    return "limits:\n  derivation_wait: 1h\n";
  }
  void SetUp() override {
    ServerTest::SetUp();
    calls_ = std::make_unique<DerivationClient>(server().address());
  }
  void TearDown() override {
    // A server that stops says goodbye to those who are connected.
    calls_ = nullptr;
    ServerTest::TearDown();
  }
  bool Metrics() const override { return true; }

  void Define(const std::string& dest, const std::string& source,
              const std::string& function,
              v1::OnError on_error = v1::ON_ERROR_UNSPECIFIED) {
    v1::DeriveRequest request;
    request.mutable_dest()->set_text(dest);
    request.add_sources()->set_text(source);
    request.mutable_lua()->add_parameters(std::string(1, 'x'));
    request.mutable_lua()->set_source(function);
    request.set_on_error(on_error);
    const auto reply = calls_->Derive(request);
    ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
  }
  Scrape Now() {
    absl::StatusOr<Scrape> scrape = Scrape::Of(server().http_address());
    EXPECT_TRUE(scrape.ok()) << scrape.status();
    return scrape.ok() ? *std::move(scrape) : Scrape();
  }
  std::optional<double> Failures(const Scrape& now, const std::string& reason) {
    return now.Value("restate_derivation_failures_total",
                     {{"kind", "lua"}, {"reason", reason}});
  }
  // In that order: their reasons, and no other.
  void ExpectFailures(double budget, double memory, double error) {
    const Scrape now = Now();
    EXPECT_EQ(Failures(now, "budget"), budget);
    EXPECT_EQ(Failures(now, "memory"), memory);
    EXPECT_EQ(Failures(now, "error"), error);
    EXPECT_EQ(Failures(now, "other"), 0);
  }
  std::optional<double> InError() {
    return Now().Value("restate_derivations", {{"status", "error"}});
  }

  // Sets `path` to 1, 2 and on, each of which must be a commit of its own, until
  // there were `least` and `done` holds.
  static int64_t WriteNumbers(Client& client, const std::string& path,
                              int64_t least, const std::atomic<int>* running) {
    v1::SetStateRequest request;
    request.mutable_path()->set_text(path);
    int64_t last_revision = 0;
    int64_t number = 0;
    while (number < least || (running != nullptr && *running > 0)) {
      request.mutable_value()->set_int_value(++number);
      const auto reply = client.SetState(request);
      EXPECT_TRUE(reply.ok()) << path << ": " << FailureOf(reply.status);
      EXPECT_TRUE(reply.response.changed()) << path << " = " << number;
      EXPECT_GT(reply.response.revision(), last_revision) << path;
      if (testing::Test::HasFailure()) break;
      last_revision = reply.response.revision();
      // What was answered can be read.
      EXPECT_EQ(client.Get(path), absl::StrCat(number));
    }
    return number;
  }

  std::unique_ptr<DerivationClient> calls_;
};

TEST_F(RunawayTest, HarmsNobodyElse) {
  const std::vector<Runaway> runaways = Runaways();
  for (const Runaway& one : runaways) {
    Define(DestOf(one), SourceOf(one), one.function);
  }
  // One that keeps its last value, and two that are well.
  Define("/derived/kept", "/in/loop",
         "while x > 1 do end return 'first'", v1::ON_ERROR_KEEP_LAST);
  Define("/derived/twice", "/others/written", "x * 2");
  Define("/derived/seen", "/in/throw", "x + 1");
  client().Set("/others/fixed", R"({"a":1})");
  const auto events = Subscribe("/others/written");
  const auto derived_events = Subscribe("/derived/seen");
  ExpectFailures(0, 0, 0);
  const int64_t resident = server().ResidentBytes();

  std::atomic<int> running = static_cast<int>(runaways.size());
  std::vector<std::thread> threads;
  for (const Runaway& one : runaways) {
    threads.emplace_back([&, client = NewClient()] {
      EXPECT_EQ(WriteNumbers(*client, SourceOf(one), kWrites, nullptr),
                kWrites);
      --running;
    });
  }
  int64_t written = 0;
  threads.emplace_back([&, client = NewClient()] {
    written = WriteNumbers(*client, "/others/written", kOtherCalls, &running);
  });
  int64_t reads = 0;
  threads.emplace_back([&] {
    DerivationClient reader(server().address());
    int64_t last = 0;
    while ((reads < kOtherCalls || running > 0) && !HasFailure()) {
      ++reads;
      EXPECT_EQ(reader.client().Get("/others/fixed"), R"({"a":1})");
      // All of one revision, and none goes back.
      const auto read =
          reader.Read({P("/others/written"), P("/derived/twice")},
                      v1::VIEW_ALL);
      ASSERT_TRUE(read.ok()) << FailureOf(read.status);
      const Tree number = read.response.values.at(P("/others/written"));
      const Tree twice = read.response.values.at(P("/derived/twice"));
      ASSERT_EQ(number.has_value(), twice.has_value());
      if (!number.has_value()) continue;
      EXPECT_GE(number->as_int(), last);
      last = number->as_int();
      EXPECT_EQ(twice->as_int(), last * 2);
    }
  });
  for (std::thread& thread : threads) thread.join();
  ASSERT_FALSE(HasFailure());
  EXPECT_GE(written, kOtherCalls);
  EXPECT_GE(reads, kOtherCalls);

  // One event for each write, in order.
  const auto expect_numbers = [](const std::vector<v1::Event>& told,
                                 int64_t count, int64_t first) {
    ASSERT_EQ(told.size(), static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
      EXPECT_EQ(told[i].kind(), v1::EVENT_KIND_SET);
      EXPECT_EQ(told[i].new_value().json().number_value(), i + first);
    }
  };
  expect_numbers(events->WaitForEvents(written), written, 1);
  expect_numbers(derived_events->WaitForEvents(kWrites), kWrites, 2);
  EXPECT_THAT(events->Violations(), testing::IsEmpty());

  // Counted one by one, and said.
  ExpectFailures(2 * kWrites - 1, kWrites, kWrites);
  EXPECT_EQ(InError(), 4);
  auto list = calls_->List();
  for (const Runaway& one : runaways) {
    const v1::DerivationInfo& info = list.response.at(P(DestOf(one)));
    EXPECT_EQ(info.status(), v1::DERIVATION_STATUS_ERROR) << one.name;
    EXPECT_THAT(info.message(), testing::StartsWith(one.message));
    EXPECT_EQ(info.runs(), kWrites) << one.name;
    EXPECT_EQ(client().Get(DestOf(one)), std::nullopt) << one.name;
  }
  EXPECT_EQ(list.response.at(P("/derived/kept")).status(),
            v1::DERIVATION_STATUS_ERROR);
  EXPECT_EQ(client().Get("/derived/kept"), R"("first")");
  EXPECT_EQ(list.response.at(P("/derived/seen")).status(),
            v1::DERIVATION_STATUS_OK);
  EXPECT_EQ(client().Get("/derived/seen"), absl::StrCat(kWrites + 1));

  const int64_t grown = server().ResidentBytes() - resident;
  RecordProperty("grown_bytes", absl::StrCat(grown));
#ifndef RESTATE_SANITIZED
  EXPECT_LE(grown, kCallBytes + kOtherBytes + written * kBytesOfAWrite);
#endif
  // The machine holds what it did before, and garbage of little.
  EXPECT_LT(Now().Value("restate_lua_memory_bytes", {{"use", "derivation"}}),
            static_cast<double>(kCallBytes));

  // Nothing of them is left.
  for (const Runaway& one : runaways) {
    const auto removed = calls_->Remove(P(DestOf(one)));
    ASSERT_TRUE(removed.ok()) << FailureOf(removed.status);
    client().Set(DestOf(one), "5");
    EXPECT_EQ(client().Get(DestOf(one)), "5");
    client().Set(SourceOf(one), "0");
    EXPECT_EQ(client().Get(DestOf(one)), "5");
  }
  list = calls_->List();
  EXPECT_EQ(list.response.size(), 3u);
  // Of them all only the one that was kept ran again, and ended.
  ExpectFailures(2 * kWrites - 1, kWrites, kWrites);
  EXPECT_EQ(InError(), 0);
}

// A `Write` stream keeps its order, whatever its commits run into, and others pass.
TEST_F(RunawayTest, AStreamKeepsItsOrder) {
  constexpr int64_t kCommits = 60;
  Define("/derived/loop", "/in/loop", "while true do end");
  const auto context = NewContext();
  const auto stream = client().state().Write(context.get());
  std::thread sender([&] {
    for (int64_t i = 1; i <= kCommits; ++i) {
      v1::WriteRequest request;
      request.set_sequence(i);
      auto* set = request.mutable_commit()->add_operations()->mutable_set();
      set->mutable_path()->set_text(i % 3 == 0 ? "/in/loop" : "/streamed");
      set->mutable_value()->set_int_value(i);
      EXPECT_TRUE(stream->Write(request));
    }
    stream->WritesDone();
  });
  std::atomic<int> running = 1;
  int64_t others = 0;
  std::thread other([&, own = NewClient()] {
    others = WriteNumbers(*own, "/others/written", 1, &running);
  });
  int64_t last_revision = 0;
  int64_t answers = 0;
  v1::WriteResponse response;
  while (stream->Read(&response)) {
    EXPECT_EQ(response.sequence(), ++answers);
    EXPECT_TRUE(response.has_commit()) << response.ShortDebugString();
    EXPECT_GT(response.commit().revision(), last_revision);
    last_revision = response.commit().revision();
  }
  running = 0;
  sender.join();
  other.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(answers, kCommits);
  // Those that have nothing to do with it, and came meanwhile.
  EXPECT_EQ(client().Revision(), kCommits + others);
  EXPECT_EQ(client().Get("/streamed"), absl::StrCat(kCommits - 1));
  ExpectFailures(kCommits / 3, 0, 0);
}

// Each is tried once more when the server starts, and then it serves.
TEST_F(RunawayTest, StartsBesideThem) {
  for (const Runaway& one : Runaways()) {
    client().Set(SourceOf(one), absl::StrCat(kWrites));
    Define(DestOf(one), SourceOf(one), one.function);
  }
  client().Set("/others/fixed", "7");
  Define("/derived/twice", "/others/fixed", "x * 2");
  ExpectFailures(1, 1, 1);
  for (const bool kill : {false, true}) {
    calls_ = nullptr;
    kill ? KillAndRestart() : Restart();
    calls_ = std::make_unique<DerivationClient>(server().address());
    // A start takes what was recorded, and calls nobody's function.
    client().Set("/others/written", kill ? "2" : "1");
    EXPECT_EQ(client().Get("/others/fixed"), "7");
    EXPECT_EQ(client().Get("/derived"), R"({"twice":14})");
    ExpectFailures(0, 0, 0);
    EXPECT_EQ(InError(), 3);
    const auto list = calls_->List();
    for (const Runaway& one : Runaways()) {
      const v1::DerivationInfo& info = list.response.at(P(DestOf(one)));
      EXPECT_EQ(info.status(), v1::DERIVATION_STATUS_ERROR) << one.name;
      EXPECT_THAT(info.message(), testing::StartsWith(one.message));
    }
  }
}

// An aggregate's function that never ends is given up after a few children: one
// budget for each of them would be some seconds in which nobody can write, and as
// many at each start.
TEST_F(RunawayTest, AnAggregateGivesUp) {
  v1::SetStateRequest fill;
  fill.mutable_path()->set_text("/many");
  auto& fields = *fill.mutable_value()->mutable_map_value()->mutable_fields();
  for (int i = 0; i < 1'000; ++i) {
    fields[absl::StrCat(1'000 + i)].set_int_value(i);
  }
  ASSERT_TRUE(client().SetState(fill).ok());
  v1::DeriveRequest request;
  request.mutable_dest()->set_text("/derived/sum");
  request.add_sources()->set_text("/many");
  request.mutable_aggregate()->set_combine(v1::COMBINE_SUM);
  request.mutable_aggregate()->set_each("while true do end");
  const auto reply = calls_->Derive(request);
  ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
  const auto calls = [&] {
    return Now().Value("restate_lua_calls_total", {{"use", "derivation"}});
  };
  EXPECT_EQ(calls(), 8);
  client().Set("/many/1500", "7");
  EXPECT_EQ(client().Get("/many/1500"), "7");
  EXPECT_EQ(calls(), 8);
  calls_ = nullptr;
  KillAndRestart();
  calls_ = std::make_unique<DerivationClient>(server().address());
  client().Set("/many/1501", "7");
  EXPECT_EQ(calls(), 8);
  EXPECT_EQ(InError(), 1);
  const auto list = calls_->List();
  EXPECT_THAT(list.response.at(P("/derived/sum")).message(),
              testing::StartsWith("child 1000: the Lua function used its budget "
                                  "of 1000000 instructions"));
}

}  // namespace
}  // namespace restate::test
