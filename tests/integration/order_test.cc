// Eight writers at once: every subscriber hears the same, in one order, and it
// is the order of the revisions that the writers were told.

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/sync/mutex.h"
#include "gtest/gtest.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

constexpr int kWriters = 8;
constexpr int kWritesEach = 100;

class OrderTest : public StorageTest {};

TEST_P(OrderTest, AllSubscribersHearOneOrder) {
  const auto first = Subscribe("/");
  const auto second = Subscribe("/");
  const auto part = Subscribe("/shared/*");

  Mutex mutex;
  std::set<int64_t> answered;
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      const auto own = NewClient();
      for (int i = 0; i < kWritesEach; ++i) {
        v1::CommitRequest commit;
        auto* add = commit.add_operations()->mutable_set();
        add->mutable_path()->set_text("/shared/k" + std::to_string(i % 5));
        add->mutable_value()->set_int_value(1);
        add->set_mode(v1::WRITE_MODE_ADD);
        auto* own_path = commit.add_operations()->mutable_set();
        own_path->mutable_path()->set_text("/own/w" + std::to_string(w));
        own_path->mutable_value()->set_int_value(i);
        const auto reply = own->Commit(commit);
        ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
        MutexLock lock(&mutex);
        EXPECT_TRUE(answered.insert(reply.response.revision()).second)
            << "revision given twice: " << reply.response.revision();
      }
    });
  }
  for (std::thread& writer : writers) writer.join();

  constexpr size_t kEvents = 2 * kWriters * kWritesEach;
  const auto heard = first->WaitForEvents(kEvents);
  const auto also_heard = second->WaitForEvents(kEvents);
  const auto part_heard = part->WaitForEvents(kEvents / 2);
  ASSERT_EQ(heard.size(), kEvents);
  ASSERT_EQ(also_heard.size(), kEvents);
  std::set<int64_t> told;
  std::map<std::string, std::string> last;
  size_t in_part = 0;
  for (size_t i = 0; i < kEvents; ++i) {
    const v1::Event& event = heard[i];
    EXPECT_EQ(ToJson(event), ToJson(also_heard[i]));
    told.insert(event.revision());
    EXPECT_EQ(event.index(), static_cast<int>(i % 2));
    // The previous value is what the last event of the path left.
    const std::string path = event.emitting_path().text();
    const std::string prev =
        event.has_prev_value() ? ToJson(event.prev_value()) : "";
    EXPECT_EQ(prev, last[path]) << ToJson(event);
    last[path] = ToJson(event.new_value());
    if (event.index() == 0) {
      ASSERT_LT(in_part, part_heard.size());
      EXPECT_EQ(part_heard[in_part].revision(), event.revision());
      EXPECT_EQ(ToJson(part_heard[in_part].new_value()),
                ToJson(event.new_value()));
      ++in_part;
    }
  }
  EXPECT_EQ(told, answered);
  for (const auto* reader : {first.get(), second.get(), part.get()}) {
    EXPECT_EQ(reader->Violations(), std::vector<std::string>());
  }
  // 800 additions over 5 keys.
  EXPECT_EQ(*client().Get("/shared"),
            R"({"k0":160,"k1":160,"k2":160,"k3":160,"k4":160})");
}

TEST_P(OrderTest, ReadersNeverSeePartOfACommit) {
  constexpr int kRounds = 300;
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    const auto own = NewClient();
    for (int i = 1; i <= kRounds; ++i) {
      v1::CommitRequest commit;
      for (const char* path : {"/pair/a", "/tmp/b", "/pair/c/d"}) {
        auto* set = commit.add_operations()->mutable_set();
        set->mutable_path()->set_text(path);
        set->mutable_value()->set_int_value(i);
      }
      ASSERT_TRUE(own->Commit(commit).ok());
    }
  });
  threads.emplace_back([&] {
    const auto own = NewClient();
    int64_t seen = 0;
    v1::BatchGetStateRequest request;
    request.set_encoding(v1::VALUE_ENCODING_TYPED);
    for (const char* path : {"/pair/a", "/tmp/b", "/pair/c/d"}) {
      request.add_paths()->set_text(path);
    }
    int64_t last_revision = 0;
    while (seen < kRounds) {
      const auto reply = own->BatchGetState(request);
      ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
      EXPECT_GE(reply.response.revision(), last_revision);
      last_revision = reply.response.revision();
      const auto& results = reply.response.results();
      EXPECT_EQ(results[0].value().int_value(), results[1].value().int_value());
      EXPECT_EQ(results[0].value().int_value(), results[2].value().int_value());
      EXPECT_GE(results[0].value().int_value(), seen);
      seen = results[0].value().int_value();
    }
  });
  for (std::thread& thread : threads) thread.join();
}

INSTANTIATE_OVER_STORAGES(OrderTest);

}  // namespace
}  // namespace restate::test
