#ifndef RESTATE_ENGINE_CONTROLLER_TESTING_SUBSCRIPTION_FIXTURE_H_
#define RESTATE_ENGINE_CONTROLLER_TESTING_SUBSCRIPTION_FIXTURE_H_

#include <algorithm>
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
#include "engine/client/client_accounts.h"
#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "engine/error/error.h"
#include "engine/subscription/ack_token.h"
#include "gtest/gtest.h"

namespace restate {

using Lines = std::vector<std::string>;

inline Path P(std::string_view text) { return *Path::Parse(text); }
inline Value I(int64_t i) { return Value::Int(i); }

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

inline std::string Text(const Tree& tree) {
  return tree.has_value() ? tree->DebugString() : "-";
}

// "3.0 SET /a/b at /a (/a): 1 -> 2".
inline std::string Line(const Event& event) {
  static constexpr const char* kKinds[] = {"SET", "DELETE", "PING", "INITIAL"};
  const Emission& emission = event.emission();
  std::string line = absl::StrCat(
      emission.revision, ".", emission.index, " ",
      kKinds[static_cast<int>(emission.kind)], " ",
      emission.emitting_path.ToText(), " at ", event.current_path().ToText(),
      " (", event.pattern().ToText(), "): ", Text(emission.prev_value), " -> ",
      Text(emission.new_value));
  if (event.coalesced > 0) absl::StrAppend(&line, " +", event.coalesced);
  return line;
}

// A controller over memory, and what its subscribers are told, as text.
class SubscriptionTest : public testing::Test {
 protected:
  explicit SubscriptionTest(size_t history_bytes = size_t{64} << 20,
                            const ClientLimits& clients = ClientLimits()) {
    ControllerOptions options;
    options.clients = clients;
    options.mounts.push_back({Path(), std::make_unique<MemoryBackend>()});
    options.clock = &clock_;
    options.sessions.max_queue_bytes = 1 << 20;
    options.history.emplace();
    options.history->bytes = history_bytes;
    controller_ = *Controller::Start(std::move(options));
  }

  Revision Do(std::vector<Operation> operations) {
    std::promise<absl::StatusOr<CommitResult>> done;
    CommitRequest request;
    request.operations = std::move(operations);
    controller_->Commit(std::move(request),
                        [&](absl::StatusOr<CommitResult> result) {
                          done.set_value(std::move(result));
                        });
    absl::StatusOr<CommitResult> result = done.get_future().get();
    EXPECT_TRUE(result.ok()) << result.status();
    return result->revision;
  }
  static SetOperation SetOf(std::string_view path, Value value) {
    SetOperation set;
    set.path = P(path);
    set.value = std::move(value);
    return set;
  }
  Revision Set(std::string_view path, Value value) {
    return Do({SetOf(path, std::move(value))});
  }

  static SubscriptionSpec Spec(const std::vector<std::string>& patterns,
                               SubscriptionStart start = StartNow()) {
    SubscriptionSpec spec;
    for (const std::string& pattern : patterns) {
      spec.patterns.push_back(*PathPattern::Parse(pattern));
    }
    std::sort(spec.patterns.begin(), spec.patterns.end());
    spec.start = std::move(start);
    return spec;
  }
  std::unique_ptr<EventStream> Subscribe(SubscriptionSpec spec,
                                         size_t queue_bytes = 8 << 20) {
    auto stream =
        controller_->Subscribe(std::move(spec), queue_bytes, [] {});
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);
  }
  SubscriptionStart After(const std::string& token) {
    absl::StatusOr<ResumeToken> decoded = DecodeResumeToken(token);
    EXPECT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->epoch, controller_->epoch());
    return StartAfter{decoded->position};
  }
  // Everything answered so far is in the queues.
  void Settle() { Subscribe(Spec({"/barrier"})); }

  // What is waiting, in parcels of at most `max_events`.
  std::vector<EventBatch> TakeBatches(EventStream& stream,
                                      size_t max_events = 1000) {
    Settle();
    std::vector<EventBatch> batches;
    Parcel parcel;
    while (true) {
      absl::StatusOr<bool> more =
          stream.Take(1 << 20, max_events, clock_.Monotonic(), &parcel);
      end_ = more.status();
      if (!more.ok() || !*more) return batches;
      for (SubscriptionRun& run : parcel.runs) {
        batches.push_back(std::move(run.batch));
      }
    }
  }
  Lines Drain(EventStream& stream) {
    Lines lines;
    for (const EventBatch& batch : TakeBatches(stream)) {
      for (const Event& event : batch.AllEvents()) {
        lines.push_back(Line(event));
      }
    }
    return lines;
  }
  // The same for a session: "callback: line", "sync 3", "ended callback REASON".
  Lines DrainSession(EventStream& stream) {
    Settle();
    Lines lines;
    Parcel parcel;
    while (true) {
      absl::StatusOr<bool> more =
          stream.Take(1 << 20, 1000, clock_.Monotonic(), &parcel);
      end_ = more.status();
      if (!more.ok() || !*more) return lines;
      for (const SubscriptionRun& run : parcel.runs) {
        for (const Event& event : run.batch.events) {
          lines.push_back(absl::StrCat(run.callback_id, ": ", Line(event)));
        }
      }
      for (const SyncPoint& sync : parcel.syncs) {
        lines.push_back(absl::StrCat("sync ", sync.revision));
      }
      for (const EndedSubscription& ended : parcel.ended) {
        lines.push_back(absl::StrCat("ended ", ended.callback_id, " ",
                                     ErrorReason(ended.status)));
      }
    }
  }
  // The ack tokens of what an interceptor was told.
  std::vector<std::string> TakeTokens(EventStream& stream) {
    std::vector<std::string> tokens;
    for (const EventBatch& batch : TakeBatches(stream)) {
      for (const Event& event : batch.events) {
        if (event.ack_id == 0) continue;
        tokens.push_back(EncodeAckToken(controller_->issuer(), event.ack_id));
      }
    }
    return tokens;
  }
  std::vector<std::string> Acknowledge(const std::string& token, bool stop) {
    std::vector<std::string> expired =
        controller_->Acknowledge({{token, stop}});
    // A stop is recorded by the sequencer.
    Settle();
    return expired;
  }

  ManualClock clock_;
  std::unique_ptr<Controller> controller_;
  // What the last stream that was drained ended with.
  absl::Status end_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_CONTROLLER_TESTING_SUBSCRIPTION_FIXTURE_H_
