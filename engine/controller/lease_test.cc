// Leases with a ttl, as the controller's Tick ends them.

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

// The wall clock jumps by itself.
class ManualClock final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::FromUnixSeconds(wall_seconds.load());
  }
  absl::Duration Monotonic() const override {
    return absl::Milliseconds(millis.load());
  }
  std::atomic<int64_t> wall_seconds = 1'000;
  std::atomic<int64_t> millis = 0;
};

class LeaseTest : public testing::Test {
 protected:
  LeaseTest() {
    ControllerOptions options;
    options.mounts.push_back({Path(), std::make_unique<MemoryBackend>()});
    options.clock = &clock_;
    controller_ = *Controller::Start(std::move(options));
  }

  void Do(std::vector<Operation> operations) {
    CommitRequest request;
    request.operations = std::move(operations);
    std::promise<absl::Status> done;
    controller_->Commit(std::move(request),
                        [&](absl::StatusOr<CommitResult> result) {
                          done.set_value(result.status());
                        });
    const absl::Status status = done.get_future().get();
    EXPECT_TRUE(status.ok()) << status;
  }
  static SetOperation Set(std::string_view path, absl::Duration ttl) {
    SetOperation set;
    set.path = P(path);
    set.value = Value::Int(1);
    set.ttl = ttl;
    return set;
  }
  // What is there when the tick has had its effect.
  bool GoneAfterTick(const std::string& path) {
    controller_->Tick(clock_.Monotonic());
    // Behind what the tick submitted.
    Do({PingOperation{.path = P("/")}});
    return !controller_->Published()->tree().Read(P(path), {})->tree;
  }

  ManualClock clock_;
  std::unique_ptr<Controller> controller_;
};

TEST_F(LeaseTest, ATickEndsWhatIsOverdue) {
  Do({Set("/a", absl::Seconds(1))});
  const LeaseStatus lease = *controller_->LeaseOf(P("/a"));
  EXPECT_EQ(lease.terms, (LeaseTerms{"", absl::Seconds(1)}));
  EXPECT_EQ(lease.expires_in, absl::Seconds(1));
  // A wall clock that is set ends nothing.
  clock_.wall_seconds += 1'000'000;
  EXPECT_FALSE(GoneAfterTick("/a"));
  clock_.millis = 999;
  EXPECT_FALSE(GoneAfterTick("/a"));
  EXPECT_EQ(controller_->LeaseOf(P("/a"))->expires_in, absl::Milliseconds(1));
  clock_.millis = 1'000;
  EXPECT_TRUE(GoneAfterTick("/a"));
  EXPECT_FALSE(controller_->LeaseOf(P("/a")).has_value());
}

TEST_F(LeaseTest, OneTickEndsAnyNumber) {
  constexpr int kCount = 2'500;
  std::vector<Operation> operations;
  for (int i = 0; i < kCount; ++i) {
    operations.push_back(Set(absl::StrCat("/a/", i), absl::Milliseconds(1)));
  }
  Do(std::move(operations));
  const Revision before = controller_->Published()->revision();
  clock_.millis = 1;
  controller_->Tick(clock_.Monotonic());
  while (controller_->Published()->tree().Read(P("/a"), {})->tree) {
    std::this_thread::yield();
  }
  // Several commits, of 1,000 at most: a writer never waits behind all of them.
  EXPECT_GT(controller_->Published()->revision(), before + 2);
}

TEST_F(LeaseTest, WithASessionWhicheverEndsFirst) {
  const absl::StatusOr<OpenedSession> session =
      controller_->sessions().Open("s", false, [] {});
  ASSERT_TRUE(session.ok());
  SetOperation a = Set("/a", absl::Seconds(1));
  SetOperation b = Set("/b", absl::Seconds(2));
  a.session_id = b.session_id = "s";
  Do({a, b});
  clock_.millis = 1'000;
  EXPECT_TRUE(GoneAfterTick("/a"));
  EXPECT_FALSE(GoneAfterTick("/b"));
  ASSERT_TRUE(controller_->sessions().Close("s").ok());
  EXPECT_TRUE(GoneAfterTick("/b"));
}

}  // namespace
}  // namespace restate
