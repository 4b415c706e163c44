// Random runs: four writers, eight subscribers of different kinds, two that ask
// for less than every event, a session and two interceptors, cut at random; the server killed and started again on the
// same data; its history compacted. What everybody was told is then held to what
// was written, one promise after the other (validators.h).
//
// RESTATE_WATCH_SEED replays a run as far as the machine's scheduling allows;
// RESTATE_WATCH_ROUNDS makes more runs than one.

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "restate/v1/admin_service.grpc.pb.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/server_process.h"
#include "tests/support/subscription_reader.h"
#include "tests/support/temp_dir.h"
#include "tests/watch/committed_log.h"
#include "tests/watch/random_writes.h"
#include "tests/watch/recording.h"
#include "tests/watch/run_state.h"
#include "tests/watch/session_watcher.h"
#include "tests/watch/validators.h"
#include "tests/watch/watcher.h"

namespace restate::test {
namespace {

constexpr int kWriters = 4;
constexpr int kPhases = 5;
constexpr int kCommitsPerWriter = 40;
// What the names of those begin with who ask for less than every event.
constexpr std::string_view kCoalesced = "coalesced, ";

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

v1::SubscribeRequest RequestFor(const std::vector<std::string>& patterns) {
  v1::SubscribeRequest request;
  for (const std::string& pattern : patterns) {
    request.add_patterns()->set_text(pattern);
  }
  return request;
}

// Hears of every event at its own path, where no interceptor can stop it, and
// at every place above.
v1::SubscribeRequest Everything() {
  return RequestFor({"/", "/*", "/*/*", "/*/*/*", "/*/*/*/*", "/*/*/*/*/*",
                     "/*/*/*/*/*/*", "/*/*/*/*/*/*/*"});
}

// All their patterns, each once.
v1::SubscribeRequest PatternsOf(
    const std::vector<v1::SubscribeRequest>& requests) {
  std::set<std::string> patterns;
  for (const v1::SubscribeRequest& request : requests) {
    for (const v1::PathPattern& pattern : request.patterns()) {
      patterns.insert(pattern.text());
    }
  }
  return RequestFor({patterns.begin(), patterns.end()});
}

std::vector<WatcherOptions> Watchers(uint64_t seed) {
  std::vector<WatcherOptions> all;
  const auto add = [&](const std::string& name, v1::SubscribeRequest request,
                       uint64_t cut_one_in) -> WatcherOptions& {
    WatcherOptions& options = all.emplace_back();
    options.name = name;
    options.request = std::move(request);
    options.cut_one_in = cut_one_in;
    options.seed = seed * 100 + all.size();
    return options;
  };
  add("everything, never cut by itself", Everything(), 0);
  add("exact paths", RequestFor({"/s/a/b", "/s/a", "/s/b/b/b"}), 8);
  add("wildcards", RequestFor({"/s/*", "/s/*/b", "/*/a/*/c"}), 12);
  add("the root", RequestFor({"/"}), 5);
  WatcherOptions& exact =
      add("scope EXACT", RequestFor({"/s/*/*", "/s/a", "/s"}), 10);
  exact.rests_for_commits = 200;
  exact.request.set_scope(v1::SUBSCRIBE_SCOPE_EXACT);
  exact.request.set_history_loss(v1::HISTORY_LOSS_RESET);
  WatcherOptions& kinds =
      add("kinds", RequestFor({"/s/*/*/*", "/", "/log/*"}), 10);
  kinds.rests_for_commits = 200;
  kinds.request.add_kinds(v1::EVENT_KIND_DELETE);
  kinds.request.add_kinds(v1::EVENT_KIND_PING);
  WatcherOptions& slow = add("slow", RequestFor({"/s", "/s/*", "/log"}), 15);
  slow.request.set_history_loss(v1::HISTORY_LOSS_RESET);
  slow.commits_between_reads = 25;
  WatcherOptions& snapshot = add(
      "many patterns, from a snapshot",
      RequestFor({"/s/*", "/s/a", "/s/a/*", "/*/a/*", "/s/*/c", "/log"}), 6);
  snapshot.request.mutable_snapshot();
  snapshot.rests_for_commits = 120;

  // Those who asked for less than every event.
  WatcherOptions& coalescing =
      add(std::string(kCoalesced) + "as it is slow",
          RequestFor({"/s", "/s/*", "/s/*/*"}), 30);
  coalescing.request.set_overflow(v1::SUBSCRIBE_OVERFLOW_COALESCE);
  coalescing.keeps_no_token = true;
  coalescing.commits_between_reads = 60;
  WatcherOptions& paced = add(std::string(kCoalesced) + "by an interval",
                              RequestFor({"/s/*/*", "/s/*", "/log/*"}), 0);
  paced.request.mutable_min_interval()->set_nanos(100'000'000);
  paced.keeps_no_token = true;

  WatcherOptions& low = add("interceptor below", RequestFor({"/s/*/*"}), 40);
  low.request.set_intercepting(true);
  low.stop_one_in = 4;
  WatcherOptions& high =
      add("interceptor above", RequestFor({"/s/a", "/s/b"}), 40);
  high.request.set_intercepting(true);
  high.stop_one_in = 3;
  return all;
}

class WatchTest : public testing::Test {
 protected:
  void TearDown() override {
    if (HasFailure() && server_ != nullptr) {
      std::cerr << "the server said:\n" << server_->Log() << std::endl;
    }
  }

  void StartServer() {
    const std::string config = data_.path() + "/restated.yaml";
    // Little queues, so that slow ones are read from the history; no volatile
    // mount, whose reset at a start is not the writers'.
    std::ofstream(config) << "mounts:\n"
                             "  - {path: /, backend: rocksdb}\n"
                             "limits:\n"
                             "  queue_bytes: 262144\n";
    ServerProcess::Options options;
    options.data_dir = data_.path() + "/data";
    options.extra_args = {"--config", config};
    auto server = ServerProcess::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    state_.ServerStarted(server_->address());
  }

  // Writes until it has made its commits, or the server is gone.
  void Write(const std::string& address, uint64_t seed, int writer) {
    Client client(address);
    RandomWrites writes(seed, writer);
    for (int i = 0; i < kCommitsPerWriter; ++i) {
      const std::vector<Operation> operations = writes.Next();
      const std::string name = log_.NoteAttempt(writer, operations);
      const auto reply = client.Commit(ToMessage(operations, name));
      if (!reply.ok()) {
        EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::UNAVAILABLE)
            << FailureOf(reply.status);
        return;
      }
      if (reply.response.changed()) {
        log_.Answered(name, reply.response.revision());
      } else {
        log_.WithoutEffect(name);
      }
      state_.CommitMade();
    }
  }

  // All that happened since the last time, from the history.
  void CollectEvidence(bool killed) {
    Client client(server_->address());
    const int64_t through = client.Revision();
    if (through > evidence_through_) {
      v1::SubscribeRequest request = evidence_request_;
      request.set_encoding(v1::VALUE_ENCODING_TYPED);
      request.set_after_revision(evidence_through_);
      SubscriptionReader reader(Connect(server_->address()), request);
      ASSERT_TRUE(reader.WaitForRevision(through))
          << FailureOf(reader.WaitForEnd());
      std::map<std::string, int64_t> revision_by_name;
      v1::EventBatch all;
      for (const v1::Event& event : reader.events()) {
        if (event.revision() > through) continue;
        *all.add_events() = event;
        revision_by_name[event.payload().string_value()] = event.revision();
      }
      const ToldBatch told = ToldBatch::Of(all);
      log_.Resolve(revision_by_name);
      if (killed) uncertain_.emplace_back(evidence_through_, through);
      replay_.batches.push_back(told);
      replay_.batches.back().revision = through;
      evidence_through_ = through;
    } else {
      log_.Resolve({});
    }
  }

  void Compact(int64_t through) {
    const auto admin =
        v1::AdminService::NewStub(Connect(server_->address()));
    v1::CompactRequest request;
    request.set_through_revision(through);
    v1::CompactResponse response;
    const auto context = NewContext();
    const grpc::Status status =
        admin->Compact(context.get(), request, &response);
    ASSERT_TRUE(status.ok()) << FailureOf(status);
    EXPECT_GE(response.history().oldest_revision(), through);
  }

  void RunWriters(uint64_t seed, std::mt19937_64* random) {
    for (int phase = 0; phase < kPhases; ++phase) {
      std::vector<std::thread> writers;
      const int64_t before = state_.commits();
      for (int w = 0; w < kWriters; ++w) {
        writers.emplace_back([this, seed, phase, w] {
          Write(server_->address(), seed * 1'000 + phase * 10 + w, w);
        });
      }
      int start = 0;
      state_.address(&start);
      // Some phases are cut by a kill, some see a compaction.
      const int64_t midway =
          before + 1 + (*random)() % (kWriters * kCommitsPerWriter);
      const bool killed = phase % 2 == 1;
      if (phase >= 2) {
        state_.WaitForCommits(std::min(midway, before + kCommitsPerWriter),
                              start);
        Compact(evidence_through_);
      }
      if (killed) {
        state_.WaitForCommits(midway, start);
        server_->Kill();
      }
      for (std::thread& writer : writers) writer.join();
      if (killed) {
        const absl::Status restarted = server_->Restart();
        ASSERT_TRUE(restarted.ok()) << restarted;
        state_.ServerStarted(server_->address());
      }
      CollectEvidence(killed);
      if (HasFatalFailure()) return;
    }
  }

  void Judge(const Recording& recording) {
    SCOPED_TRACE(recording.name);
    std::vector<std::string> violations;
    const std::vector<Stretch> stretches = StretchesOf(recording, &violations);
    const std::vector<ModelEvent> log = log_.EventsFor(recording.wish);
    const auto add = [&](std::vector<std::string> more) {
      violations.insert(violations.end(), more.begin(), more.end());
    };
    // What the replay says of this one's wish.
    Stretch replay;
    for (const ToldBatch& batch : replay_.batches) {
      ToldBatch heard = batch;
      std::erase_if(heard.events, [&](const ModelEvent& event) {
        return !recording.wish.Hears(event);
      });
      replay.batches.push_back(std::move(heard));
    }
    size_t events = 0;
    for (const Stretch& stretch : stretches) {
      events += stretch.Events().size();
      add(CheckFiltered(stretch, recording.wish));
      if (recording.name.starts_with(kCoalesced)) {
        add(CheckCoalesced(stretch, log));
        continue;
      }
      add(CheckOrdered(stretch));
      add(CheckUnique(stretch));
      add(CheckAtomic(stretch, log));
      add(CheckReliable(stretch, log));
      add(CheckValues(stretch, log));
      add(CheckResumable(stretch, replay));
      if (!recording.wish.exact && recording.wish.kinds.empty()) {
        add(CheckChained(stretch, [&](const Path&, int64_t after,
                                      int64_t through) {
          return log_.IsSilent(after, through);
        }));
      }
      if (stretch.snapshot.has_value()) {
        const auto& number = snapshot_numbers_.at(&recording);
        add(CheckSnapshot(stretch,
                          log_.SnapshotAt(stretch.from, number)));
      }
    }
    ASSERT_FALSE(stretches.empty());
    EXPECT_GE(stretches.back().through(), evidence_through_);
    constexpr size_t kShown = 5;
    for (size_t i = 0; i < std::min(violations.size(), kShown); ++i) {
      ADD_FAILURE() << violations[i].substr(0, 1'000);
    }
    EXPECT_LE(violations.size(), kShown) << "in all";
    std::cout << recording.name << ": " << recording.pieces.size()
              << " streams, " << stretches.size() << " stretches, " << events
              << " events" << std::endl;
  }

  void Round(uint64_t seed) {
    std::cout << "replay with RESTATE_WATCH_SEED=" << seed << std::endl;
    std::mt19937_64 random(seed);
    StartServer();
    if (HasFatalFailure()) return;
    std::map<std::string, v1::SubscribeRequest> callbacks = {
        {"low", RequestFor({"/s/*/*", "/s/a/*"})},
        {"high", RequestFor({"/s", "/"})}};
    std::vector<v1::SubscribeRequest> requests = {Everything()};
    for (const auto& [id, request] : callbacks) requests.push_back(request);
    std::vector<std::unique_ptr<Watcher>> watchers;
    for (WatcherOptions& options : Watchers(seed)) {
      requests.push_back(options.request);
      watchers.push_back(
          std::make_unique<Watcher>(std::move(options), &state_, &log_));
    }
    SessionWatcher session(std::move(callbacks), seed, 25, &state_);
    evidence_request_ = PatternsOf(requests);
    RunWriters(seed, &random);
    state_.Finish(std::max<int64_t>(1, evidence_through_));
    for (const auto& watcher : watchers) watcher->Join();
    session.Join();
    if (HasFatalFailure()) return;

    std::vector<Recording> recordings = session.recordings();
    EXPECT_EQ(session.failure(), "");
    for (const auto& watcher : watchers) {
      EXPECT_EQ(watcher->failure(), "");
      recordings.push_back(watcher->recording());
    }
    log_.ResolveStops(replay_.Events(), uncertain_);
    Play(recordings);
    for (const Recording& recording : recordings) Judge(recording);
    std::cout << log_.size() << " commits, through revision "
              << evidence_through_ << std::endl;
  }

  void Play(const std::vector<Recording>& recordings) {
    // At each revision that a snapshot was of, all wishes: number i is that of
    // recording i.
    std::vector<Wish> wishes;
    std::map<int64_t, std::vector<Wish>> snapshots;
    for (const Recording& recording : recordings) {
      snapshot_numbers_[&recording] = wishes.size();
      wishes.push_back(recording.wish);
    }
    for (const Recording& recording : recordings) {
      std::vector<std::string> ignored;
      for (const Stretch& stretch : StretchesOf(recording, &ignored)) {
        if (stretch.snapshot.has_value()) snapshots[stretch.from] = wishes;
      }
    }
    const Wish everything = Wish::Of(evidence_request_);
    EXPECT_EQ(log_.Play(everything.patterns, snapshots),
              std::vector<std::string>());
    const std::vector<ModelEvent> log = log_.EventsFor(everything);
    replay_.from = 0;
    for (const std::string& missing : CheckReliable(replay_, log)) {
      ADD_FAILURE() << "the replay: " << missing.substr(0, 1'000);
      break;
    }
    for (const std::string& wrong : CheckValues(replay_, log)) {
      ADD_FAILURE() << "the replay: " << wrong.substr(0, 1'000);
      break;
    }
  }

  TempDir data_;
  std::unique_ptr<ServerProcess> server_;
  RunState state_;
  CommittedLog log_;
  // Of the replay: everything, by all patterns.
  v1::SubscribeRequest evidence_request_;
  // All that happened, read from the history piece by piece.
  Stretch replay_;
  int64_t evidence_through_ = 0;
  // The revisions of phases that ended with a kill.
  std::vector<std::pair<int64_t, int64_t>> uncertain_;
  std::map<const Recording*, size_t> snapshot_numbers_;
};

class WatchRoundTest : public WatchTest,
                       public testing::WithParamInterface<int> {};

TEST_P(WatchRoundTest, EverybodyIsToldEverythingOnceInOrder) {
  const uint64_t chosen = FromEnvironment("RESTATE_WATCH_SEED", 0);
  Round(chosen != 0 ? chosen : std::random_device()());
}

INSTANTIATE_TEST_SUITE_P(
    Rounds, WatchRoundTest,
    testing::Range(0, static_cast<int>(
                          FromEnvironment("RESTATE_WATCH_ROUNDS", 1))));

}  // namespace
}  // namespace restate::test
