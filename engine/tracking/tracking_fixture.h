#ifndef RESTATE_ENGINE_TRACKING_TRACKING_FIXTURE_H_
#define RESTATE_ENGINE_TRACKING_TRACKING_FIXTURE_H_

#include <atomic>
#include <future>
#include <memory>
#include <semaphore>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/backend/memory/memory_backend.h"
#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "gtest/gtest.h"

namespace restate {

// An engine in memory, and one session of it.
class TrackingTest : public testing::Test {
 protected:
  static Path P(std::string_view text) { return *Path::Parse(text); }

  static Value MapOf(std::vector<std::pair<std::string, Value>> fields) {
    Value::Map map;
    for (auto& [key, value] : fields) map = map.Set(key, std::move(value));
    return Value::MakeMap(std::move(map));
  }

  explicit TrackingTest(TrackerLimits limits = TrackerLimits()) {
    ControllerOptions options;
    options.mounts.push_back({Path(), std::make_unique<MemoryBackend>()});
    options.clock = &clock_;
    options.trackers = limits;
    controller_ = *Controller::Start(std::move(options));
    Open();
  }
  ~TrackingTest() override { session_.stream.reset(); }

  // Opens the session "s", or takes it up again.
  void Open() {
    session_ = *controller_->sessions().Open(
        "s", false, [this] { ready_.release(); });
  }

  std::future<absl::StatusOr<CommitResult>> Submit(CommitRequest request) {
    auto done =
        std::make_shared<std::promise<absl::StatusOr<CommitResult>>>();
    controller_->Commit(std::move(request),
                        [done](absl::StatusOr<CommitResult> result) {
                          done->set_value(std::move(result));
                        });
    return done->get_future();
  }
  static CommitRequest Writes(std::string_view path, Value value,
                              std::string run_id = "") {
    SetOperation set;
    set.path = P(path);
    set.value = std::move(value);
    CommitRequest request;
    request.operations.push_back(std::move(set));
    request.run_id = std::move(run_id);
    return request;
  }
  Revision Set(std::string_view path, Value value, std::string run_id = "") {
    absl::StatusOr<CommitResult> result =
        Submit(Writes(path, std::move(value), std::move(run_id))).get();
    EXPECT_TRUE(result.ok()) << result.status();
    return result->revision;
  }
  Revision Ping(std::string_view path) {
    CommitRequest request;
    request.operations.push_back(PingOperation{.path = P(path)});
    return Submit(std::move(request)).get()->revision;
  }

  std::string Begin(const std::string& tracker) {
    absl::StatusOr<BegunRun> begun = controller_->BeginRun("s", tracker);
    EXPECT_TRUE(begun.ok()) << begun.status();
    return begun->run_id;
  }
  // Reads for a run.
  Tree Read(const std::string& run, std::string_view path,
            View view = View::kAll) {
    const auto state = controller_->Published();
    EXPECT_TRUE(controller_->trackers()
                    .RecordReads(run, {P(path)}, view, state->revision())
                    .ok());
    return state->tree().Read(P(path), ReadLimits())->tree;
  }
  absl::StatusOr<EndedRun> End(const std::string& run) {
    std::promise<absl::StatusOr<EndedRun>> done;
    controller_->trackers().EndRun(
        run, [&](absl::StatusOr<EndedRun> ended) {
          done.set_value(std::move(ended));
        });
    return done.get_future().get();
  }

  // What the session is asked up to now.
  std::vector<std::shared_ptr<const SessionRequest>> Requests() {
    std::promise<int64_t> asked;
    controller_->sessions().Sync("s", 0, [&](absl::StatusOr<int64_t> id) {
      asked.set_value(*id);
    });
    const int64_t sync_id = asked.get_future().get();
    std::vector<std::shared_ptr<const SessionRequest>> requests;
    while (true) {
      Parcel parcel;
      const absl::StatusOr<bool> taken = session_.stream->Take(
          1 << 20, 1000, clock_.Monotonic(), &parcel);
      EXPECT_TRUE(taken.ok()) << taken.status();
      if (!*taken) {
        ready_.acquire();
        continue;
      }
      requests.insert(requests.end(), parcel.requests.begin(),
                      parcel.requests.end());
      for (const SyncPoint& sync : parcel.syncs) {
        if (sync.sync_id == sync_id) return requests;
      }
    }
  }
  // The trackers that are to run again.
  std::vector<std::string> Reruns() {
    std::vector<std::string> reruns;
    for (const auto& request : Requests()) {
      if (const auto* rerun = std::get_if<TrackerRerun>(&request->what())) {
        reruns.push_back(rerun->tracker_id);
      }
    }
    return reruns;
  }

  class ManualClock final : public Clock {
   public:
    absl::Time Now() const override {
      return absl::FromUnixMillis(millis_.load());
    }
    absl::Duration Monotonic() const override {
      return absl::Milliseconds(millis_.load());
    }
    void Advance(absl::Duration by) {
      millis_ += absl::ToInt64Milliseconds(by);
    }

   private:
    std::atomic<int64_t> millis_ = 1'000'000;
  };

  ManualClock clock_;
  std::counting_semaphore<> ready_{0};
  std::unique_ptr<Controller> controller_;
  OpenedSession session_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_TRACKING_TRACKING_FIXTURE_H_
