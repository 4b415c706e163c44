// Mirrors of what is there, made of what subscribers are told and of nothing else,
// while mounts come and go, the server is started again, commits are too large to
// be told, readers hear only the latest of each path, and streams are cut anywhere.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "engine/controller/testing/mirror.h"
#include "engine/controller/testing/subscription_fixture.h"
#include "engine/derivation/derived_store.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

constexpr int kSteps = 140;

// One that listens, is cut off, and comes back.
struct Listener {
  SubscriptionSpec spec;
  size_t queue_bytes = 0;
  std::unique_ptr<EventStream> stream;
  Mirror mirror;
  std::string token;
  // What it was told; of a reset that was cut, nothing.
  Lines lines;
  size_t lines_before_reset = 0;
  bool in_reset = false;
  // The last revision that a batch named, and how many did.
  Revision revision = 0;
  int compared = 0;
  // The last operation that it was told of at each place, by pattern and emitting
  // path.
  std::map<std::string, std::pair<Revision, int32_t>> newest;
  // How many events took the place of others, and how often not even the latest of
  // each path fitted into its queue.
  int64_t coalesced = 0;
  int ended = 0;
};

class ResetsRandomTest : public testing::TestWithParam<unsigned> {
 protected:
  ResetsRandomTest()
      : random_(Seed()),
        directory_(std::filesystem::path(testing::TempDir()) /
                   absl::StrCat("resets_", Seed())) {
    std::filesystem::remove_all(directory_);
  }
  ~ResetsRandomTest() override {
    listeners_.clear();
    controller_.reset();
    std::filesystem::remove_all(directory_);
  }

  // That of the environment, to try others.
  static unsigned Seed() {
    const char* given = std::getenv("RESETS_SEED");
    unsigned seed = GetParam();
    if (given != nullptr && absl::SimpleAtoi(given, &seed)) {
      return seed + GetParam();
    }
    return seed;
  }
  unsigned Below(unsigned n) { return random_() % n; }

  static Mount MemoryAt(std::string_view at, std::string definition) {
    Mount mount;
    mount.at = P(at);
    mount.backend = std::make_unique<MemoryBackend>();
    mount.definition = std::move(definition);
    return mount;
  }

  void Start() {
    RocksDbOptions rocksdb;
    rocksdb.directory = directory_.string();
    auto store = RocksDbStore::Open(rocksdb);
    ASSERT_TRUE(store.ok()) << store.status();
    ControllerOptions options;
    Mount root;
    root.backend = *(*store)->OpenMount(Path());
    options.mounts.push_back(std::move(root));
    options.mounts.push_back(MemoryAt("/tmp", ""));
    for (const std::string& at : mounted_) {
      options.mounts.push_back(MemoryAt(at, "d"));
    }
    options.derived_store = *(*store)->OpenMount(DerivedStorePlace());
    options.commit_store = *std::move(store);
    options.clock = &clock_;
    auto controller = Controller::Start(std::move(options));
    ASSERT_TRUE(controller.ok()) << controller.status();
    controller_ = *std::move(controller);
    Remember();
  }

  void Restart() {
    for (Listener& listener : listeners_) {
      // Nothing is lost with what it has not read: it is in the history.
      if (Below(2) == 0) Read(listener, SIZE_MAX);
      listener.stream.reset();
    }
    ASSERT_TRUE(controller_->Stop().ok());
    controller_.reset();
    ASSERT_NO_FATAL_FAILURE(Start());
    for (Listener& listener : listeners_) Resume(listener);
  }

  // What there is at the published revision.
  void Remember() {
    const auto state = controller_->Published();
    TreeAt& tree = trees_[state->revision()];
    tree.clients = state->clients_tree().Read(Path(), {})->tree;
    tree.derived.clear();
    state->derivations().values.ForEachBelow(
        Path(), [&](const Path& dest, const DerivedValues::Destination& at) {
          tree.derived[dest] = at.value;
          return true;
        });
  }

  void Commit(CommitRequest request) {
    std::promise<absl::Status> done;
    controller_->Commit(std::move(request),
                        [&](absl::StatusOr<CommitResult> result) {
                          done.set_value(result.status());
                        });
    // What is refused has done nothing.
    done.get_future().get().IgnoreError();
    Remember();
  }

  std::string AnyPath() {
    static const char* const kTops[] = {"tmp", "a", "m", "b"};
    static const char* const kNames[] = {"a", "b", "c"};
    std::string path = absl::StrCat("/", kTops[Below(4)]);
    for (unsigned depth = Below(3); depth > 0; --depth) {
      absl::StrAppend(&path, "/", kNames[Below(3)]);
    }
    return path;
  }

  SetOperation AnySet() {
    SetOperation set;
    set.path = P(AnyPath());
    set.value = Value::Int(++value_);
    if (Below(4) == 0) {
      Value::Map map;
      for (const char* name : {"b", "c"}) {
        map = map.Set(name, Value::Int(++value_));
      }
      set.value = Value::MakeMap(map);
    } else if (Below(4) == 0) {
      set.mode = WriteMode::kValue;
    }
    return set;
  }

  // More leaves than are told one by one; too many bytes, if asked, for the record.
  SetOperation TooMuch(bool too_much_to_keep) {
    const std::string text(too_much_to_keep ? 120 : 1, 'x');
    TreeBuilder builder;
    for (int i = 10'000; i < 20'001; ++i) {
      builder.Add(P(absl::StrCat("/b/", i)), Value::String(text));
    }
    SetOperation set;
    set.path = P(AnyPath());
    set.value = *builder.Finish();
    return set;
  }

  void Derive() {
    static const char* const kDests[] = {"/m/der", "/tmp/b/der", "/der",
                                         "/a/b/der", "/b/der"};
    CommitRequest request;
    const Path dest = P(kDests[Below(5)]);
    if (Below(4) == 0) {
      request.derivation = RemoveDerivation{dest};
    } else {
      Definition definition;
      definition.dest = dest;
      definition.sources = {P(AnyPath())};
      definition.transform = AggregateTransform{.combine = Combine::kCount};
      request.derivation = DefineDerivation{std::move(definition)};
    }
    Commit(std::move(request));
  }

  void ChangeMounts() {
    static const char* const kPlaces[] = {"/m", "/a", "/a/b", "/m/c", "/tmp/a"};
    const std::string at = kPlaces[Below(5)];
    std::promise<absl::Status> done;
    const auto callback = [&](absl::StatusOr<Revision> revision) {
      done.set_value(revision.status());
    };
    const auto found = std::find(mounted_.begin(), mounted_.end(), at);
    if (found == mounted_.end()) {
      controller_->AddMount(MemoryAt(at, "d"), callback);
      mounted_.push_back(at);
    } else {
      controller_->RemoveMount(P(at), callback);
      mounted_.erase(found);
    }
    ASSERT_TRUE(done.get_future().get().ok());
    Remember();
  }

  void Change() {
    CommitRequest request;
    switch (Below(24)) {
      case 0:
      case 1:
      case 2:
        return ChangeMounts();
      case 3:
      case 4:
        return Derive();
      case 5: {
        if (large_left_ == 0) break;
        --large_left_;
        const SetOperation much = TooMuch(large_left_ % 2 == 0);
        request.operations.push_back(AnySet());
        request.operations.push_back(much);
        if (Below(2) == 0) request.operations.push_back(AnySet());
        Commit(std::move(request));
        // Others say something while it is there.
        for (unsigned n = Below(4); n > 0; --n) {
          CommitRequest beside;
          beside.operations.push_back(AnySet());
          Commit(std::move(beside));
          ReadSome();
        }
        CommitRequest end;
        end.operations.push_back(DeleteOperation{.path = much.path});
        return Commit(std::move(end));
      }
      case 6:
      case 7:
      case 8:
        request.operations.push_back(DeleteOperation{.path = P(AnyPath())});
        break;
      default:
        break;
    }
    for (unsigned n = 1 + Below(3); n > 0; --n) {
      request.operations.push_back(AnySet());
    }
    Commit(std::move(request));
  }

  void Listen(const std::vector<std::string>& patterns, size_t queue_bytes,
              Overflow overflow,
              absl::Duration min_interval = absl::ZeroDuration()) {
    SubscriptionSpec spec;
    for (const std::string& pattern : patterns) {
      spec.patterns.push_back(*PathPattern::Parse(pattern));
    }
    std::sort(spec.patterns.begin(), spec.patterns.end());
    spec.start = StartSnapshot();
    spec.overflow = overflow;
    spec.min_interval = min_interval;
    listeners_.push_back(
        {.spec = spec, .queue_bytes = queue_bytes, .mirror = Mirror(spec.patterns)});
    Resume(listeners_.back());
  }

  void Resume(Listener& listener) {
    listener.stream.reset();
    listener.mirror.Cut();
    if (std::exchange(listener.in_reset, false)) {
      listener.lines.resize(listener.lines_before_reset);
    }
    if (!listener.token.empty()) {
      absl::StatusOr<ResumeToken> token = DecodeResumeToken(listener.token);
      ASSERT_TRUE(token.ok()) << token.status();
      listener.spec.start = StartAfter{token->position};
      listener.spec.epoch = token->epoch;
    } else {
      listener.mirror = Mirror(listener.spec.patterns);
      listener.lines.clear();
    }
    auto stream =
        controller_->Subscribe(listener.spec, listener.queue_bytes, [] {});
    ASSERT_TRUE(stream.ok()) << stream.status();
    listener.stream = *std::move(stream);
  }

  void Told(Listener& listener, const EventBatch& batch) {
    if (batch.reset.has_value()) {
      listener.in_reset = true;
      listener.lines_before_reset = listener.lines.size();
      listener.lines.push_back(absl::StrCat("reset ", batch.reset->path.ToText(),
                                            " as of ", batch.reset->revision));
    }
    for (const Event& event : batch.AllEvents()) {
      listener.lines.push_back(event.ByteSize() < 10'000
                                   ? Line(event)
                                   : "too much to be written here");
      listener.coalesced += event.coalesced;
      ASSERT_NO_FATAL_FAILURE(NotRepeated(listener, event));
    }
    if (batch.reset_done.has_value()) {
      listener.lines.push_back(
          absl::StrCat("done ", batch.reset_done->ToText()));
      listener.in_reset = false;
    }
    ASSERT_EQ(listener.mirror.Told(batch), "") << listener.lines.back();
    if (!batch.resume_token.empty()) listener.token = batch.resume_token;
    if (batch.revision == 0) return;
    ASSERT_GE(batch.revision, listener.revision);
    listener.revision = batch.revision;
    const auto tree = trees_.find(batch.revision);
    if (tree == trees_.end()) return;
    ++listener.compared;
    ASSERT_EQ(listener.mirror.Differs(tree->second, batch.revision), "")
        << Newest(listener);
  }

  // Whatever is left out, and wherever it was cut, it hears of each place in order.
  static void NotRepeated(Listener& listener, const Event& event) {
    const Emission& emission = event.emission();
    if (emission.kind == EventKind::kInitial) return;
    const std::pair<Revision, int32_t> operation = {emission.revision,
                                                    emission.index};
    auto& newest = listener.newest[absl::StrCat(
        emission.emitting_path.ToText(), " at ", event.current_path().ToText(),
        " (", event.pattern().ToText(), ")")];
    ASSERT_LT(newest, operation) << Newest(listener);
    newest = operation;
  }

  // The end of what it was told.
  static std::string Newest(const Listener& listener) {
    std::string token;
    absl::WebSafeBase64Unescape(listener.token, &token);
    std::string text = absl::StrCat(
        "overflow ", static_cast<int>(listener.spec.overflow), ", interval ",
        absl::FormatDuration(listener.spec.min_interval), ", queue ",
        listener.queue_bytes, ", ended ", listener.ended, " times, token ", token,
        "\n");
    const size_t all = listener.lines.size();
    for (size_t i = all - std::min<size_t>(all, 30); i < all; ++i) {
      absl::StrAppend(&text, listener.lines[i].substr(0, 200), "\n");
    }
    return text;
  }

  void Read(Listener& listener, size_t parcels) {
    Parcel parcel;
    for (; parcels > 0; --parcels) {
      absl::StatusOr<bool> more = listener.stream->Take(
          1 << 20, 1 + Below(6), clock_.Monotonic(), &parcel);
      if (!more.ok() &&
          ErrorReason(more.status()) == ReasonName(Reason::kSlowSubscriber)) {
        ++listener.ended;
        Resume(listener);
        continue;
      }
      ASSERT_TRUE(more.ok()) << more.status();
      if (!*more) return;
      for (const SubscriptionRun& run : parcel.runs) {
        ASSERT_NO_FATAL_FAILURE(Told(listener, run.batch));
      }
    }
  }

  void ReadSome() {
    Listener& listener = listeners_[Below(listeners_.size())];
    if (Below(3) == 0) Read(listener, 1 + Below(8));
    if (Below(6) == 0) Resume(listener);
  }

  // What a minimum interval has held back may be let go.
  void PassTime(absl::Duration time) {
    clock_.Advance(time);
    controller_->Tick(clock_.Monotonic());
  }

  // Everything published is in the queues.
  void Settle() {
    std::promise<void> done;
    ASSERT_TRUE(controller_->AtBoundary([&] { done.set_value(); }).ok());
    done.get_future().wait();
  }

  std::mt19937 random_;
  const std::filesystem::path directory_;
  ManualClock clock_;
  std::unique_ptr<Controller> controller_;
  // By calls.
  std::vector<std::string> mounted_;
  std::map<Revision, TreeAt> trees_;
  std::vector<Listener> listeners_;
  int64_t value_ = 0;
  // How many commits that are too large to be told are still to come.
  int large_left_ = 0;
};

const std::vector<std::vector<std::string>>& Wishes() {
  static const auto* const wishes = new std::vector<std::vector<std::string>>{
      {"/*/b"},
      {"/", "/m", "/m/*"},
      {"/*/*", "/tmp/a/*", "/tmp"},
      {"/*/der", "/*/*/der", "/der", "/a/b"},
      {"/*/*/*", "/b"},
      {"/*/*/*/10007", "/a/*"}};
  return *wishes;
}

// Each mirror equals the tree at every batch that names a revision, but where a
// reset has told it more.
TEST_P(ResetsRandomTest, AMirrorEqualsTheTree) {
  SCOPED_TRACE(testing::Message() << "seed " << Seed());
  large_left_ = 2;
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const auto& patterns : Wishes()) {
    Listen(patterns, size_t{64} << 20, Overflow::kHistory);
    Listen(patterns, 1500, Overflow::kHistory);
    Listen(patterns, 4000, Overflow::kCoalesce);
    Listen(patterns, 4000, Overflow::kCoalesce, absl::Seconds(5));
    Listen(patterns, 4000, Overflow::kHistory, absl::Seconds(2));
  }
  for (int step = 0; step < kSteps && !HasFatalFailure(); ++step) {
    Change();
    if (Below(2) == 0) PassTime(absl::Milliseconds(Below(2000)));
    for (int i = 0; i < 15; ++i) ReadSome();
    if (Below(35) == 0) {
      ASSERT_NO_FATAL_FAILURE(Restart());
    }
  }
  if (HasFatalFailure()) return;
  Settle();
  const auto last = controller_->Published()->revision();
  for (Listener& listener : listeners_) {
    ASSERT_NO_FATAL_FAILURE(Read(listener, SIZE_MAX));
  }
  // Nothing is held back any longer. A commit of which it hears nothing, or that was
  // routed while it read, is named by its next heartbeat.
  PassTime(absl::Minutes(1));
  int64_t coalesced = 0;
  for (Listener& listener : listeners_) {
    ASSERT_NO_FATAL_FAILURE(Read(listener, SIZE_MAX));
    PassTime(absl::Minutes(1));
    ASSERT_NO_FATAL_FAILURE(Read(listener, SIZE_MAX));
    EXPECT_EQ(listener.revision, last);
    EXPECT_GT(listener.compared, 5);
    EXPECT_EQ(listener.mirror.Differs(trees_[last], last), "");
    coalesced += listener.coalesced;
  }
  EXPECT_GT(coalesced, 20);
}

// As long as the records hold what was there, a stream that is cut, anywhere,
// tells the same as one that never was, resets and all.
TEST_P(ResetsRandomTest, AStreamThatIsCutEqualsOneThatIsNot) {
  SCOPED_TRACE(testing::Message() << "seed " << Seed());
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const auto& patterns : Wishes()) {
    // Cut only where the server is.
    Listen(patterns, size_t{64} << 20, Overflow::kHistory);
    Listen(patterns, 1500, Overflow::kHistory);
  }
  for (Listener& listener : listeners_) {
    ASSERT_NO_FATAL_FAILURE(Read(listener, SIZE_MAX));
    ASSERT_FALSE(listener.token.empty());
    listener.lines.clear();
  }
  for (int step = 0; step < kSteps && !HasFatalFailure(); ++step) {
    Change();
    for (int i = 0; i < 4; ++i) {
      Listener& cut = listeners_[1 + 2 * Below(listeners_.size() / 2)];
      if (Below(3) == 0) Read(cut, 1 + Below(8));
      if (Below(4) == 0) Resume(cut);
    }
    if (Below(35) == 0) {
      ASSERT_NO_FATAL_FAILURE(Restart());
    }
  }
  if (HasFatalFailure()) return;
  Settle();
  int resets = 0;
  for (size_t i = 0; i < listeners_.size(); i += 2) {
    ASSERT_NO_FATAL_FAILURE(Read(listeners_[i], SIZE_MAX));
    ASSERT_NO_FATAL_FAILURE(Read(listeners_[i + 1], SIZE_MAX));
    EXPECT_EQ(listeners_[i + 1].lines, listeners_[i].lines);
    for (const std::string& line : listeners_[i].lines) {
      resets += line.starts_with("reset ");
    }
  }
  EXPECT_GT(resets, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ResetsRandomTest, testing::Range(0u, 6u));

}  // namespace
}  // namespace restate
