// What was seen: 120,000 paths with the same time to live went, and writers stood
// still for seconds, several times. So they did when a session ended to which as
// many were bound.
//
// Why: a thousand leases ended in one commit, as large as it came, and all of a
// session in one; and the next began in the same batch as whoever waited.
//
// Here: leases by the thousand. They go in several commits, however they end.

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/client/client_id.h"
#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "engine/path/path.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

class ManualClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixSeconds(1'000); }
  absl::Duration Monotonic() const override {
    return absl::Milliseconds(millis.load());
  }
  std::atomic<int64_t> millis = 0;
};

class ManyLeasesOfOneMomentTest : public testing::Test {
 protected:
  static constexpr int kCount = 2'000;

  ManyLeasesOfOneMomentTest() {
    ControllerOptions options;
    options.mounts.push_back({Path(), std::make_unique<MemoryBackend>()});
    options.clock = &clock_;
    controller_ = *Controller::Start(std::move(options));
  }

  Revision Do(std::vector<Operation> operations) {
    CommitRequest request;
    request.operations = std::move(operations);
    request.client = ClientId::OfAddress("10.0.0.1");
    std::promise<absl::StatusOr<CommitResult>> done;
    controller_->Commit(std::move(request),
                        [&](absl::StatusOr<CommitResult> result) {
                          done.set_value(std::move(result));
                        });
    const absl::StatusOr<CommitResult> result = done.get_future().get();
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->revision : 0;
  }
  SetOperation Leased(int number, const std::string& session) const {
    SetOperation set;
    set.path = P(absl::StrCat("/l/", number));
    set.value = Value::Int(1);
    if (session.empty()) set.ttl = absl::Seconds(1);
    set.session_id = session;
    return set;
  }
  Revision MakeLeases(const std::string& session) {
    std::vector<Operation> operations;
    for (int i = 0; i < kCount; ++i) {
      operations.push_back(Leased(i, session));
    }
    return Do(std::move(operations));
  }
  // Writes until all are gone. Gives the revisions of the writes.
  std::vector<Revision> WriteWhileTheyEnd() {
    std::vector<Revision> revisions;
    do {
      SetOperation set;
      set.path = P("/w");
      set.value = Value::Int(static_cast<int64_t>(revisions.size()));
      revisions.push_back(Do({set}));
    } while (!controller_->Published()
                  ->tree()
                  .Read(P("/l"), {})
                  ->tree.value_or(Value::EmptyMap())
                  .as_map()
                  .empty());
    return revisions;
  }

  ManualClock clock_;
  std::unique_ptr<Controller> controller_;
};

TEST_F(ManyLeasesOfOneMomentTest, ByTheirTime) {
  const Revision made = MakeLeases("");
  clock_.millis = 1'000;
  controller_->Tick(clock_.Monotonic());
  const std::vector<Revision> writes = WriteWhileTheyEnd();
  // A thousand at most go in one commit. That those of clients come between two of
  // them is FairQueue's (engine/commit/fair_queue_test.cc).
  EXPECT_GE(writes.back() - made - static_cast<Revision>(writes.size()), 3);
}

TEST_F(ManyLeasesOfOneMomentTest, WithTheirSession) {
  {
    const auto session = controller_->sessions().Open("s", false, [] {});
    ASSERT_TRUE(session.ok());
  }
  const Revision made = MakeLeases("s");
  // Answers when all of them are gone.
  ASSERT_TRUE(controller_->sessions().Close("s").ok());
  EXPECT_FALSE(controller_->Published()->tree().Read(P("/l"), {})->tree);
  EXPECT_GE(controller_->Published()->revision() - made, 3);
}

}  // namespace
}  // namespace restate
