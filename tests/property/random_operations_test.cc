// Random transactions against a naive model of the contract: the same answers,
// the same reads, the same events, over every arrangement of backends.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/memory/memory_backend.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "gtest/gtest.h"
#include "tests/property/model.h"

namespace restate {
namespace {

// More than any run's events take: nothing is read from the history.
constexpr size_t kQueueBytes = size_t{1} << 30;

Path P(std::string_view text) { return *Path::Parse(text); }

// Where each run's mounts are: path and kind.
struct Arrangement {
  const char* name;
  std::vector<std::pair<const char*, const char*>> mounts;
};

class RandomOperationsTest : public testing::TestWithParam<Arrangement> {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::path(testing::TempDir()) /
                 (std::string("random_operations_") + GetParam().name);
    std::filesystem::remove_all(directory_);
  }
  void TearDown() override {
    controller_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Open() {
    ControllerOptions options;
    options.clock = &clock_;
    RocksDbStore* store = nullptr;
    for (const auto& [at, kind] : GetParam().mounts) {
      if (std::string_view(kind) == "memory") {
        options.mounts.push_back({P(at), std::make_unique<MemoryBackend>()});
        continue;
      }
      if (store == nullptr) {
        RocksDbOptions rocksdb;
        rocksdb.directory = directory_.string();
        auto opened = RocksDbStore::Open(rocksdb);
        ASSERT_TRUE(opened.ok()) << opened.status();
        store = opened->get();
        options.commit_store = *std::move(opened);
      }
      auto backend = store->OpenMount(P(at));
      ASSERT_TRUE(backend.ok()) << backend.status();
      options.mounts.push_back({P(at), *std::move(backend)});
    }
    auto controller = Controller::Start(std::move(options));
    ASSERT_TRUE(controller.ok()) << controller.status();
    controller_ = *std::move(controller);
  }

  absl::StatusOr<CommitResult> Commit(std::vector<Operation> operations) {
    CommitRequest request;
    request.operations = std::move(operations);
    std::promise<absl::StatusOr<CommitResult>> done;
    controller_->Commit(std::move(request),
                        [&](absl::StatusOr<CommitResult> result) {
                          done.set_value(std::move(result));
                        });
    return done.get_future().get();
  }

  const std::filesystem::path& directory() const { return directory_; }

  SystemClock clock_;
  std::filesystem::path directory_;
  std::unique_ptr<Controller> controller_;
};

// Few names, so that operations meet; one of them is where mounts are.
class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}

  unsigned operator()(unsigned sides) { return random_() % sides; }

  Path RandomPath() {
    Path path;
    for (unsigned depth = (*this)(5); depth > 0; --depth) {
      path = path.Child(Name());
    }
    return path;
  }
  PathPattern RandomPattern() {
    std::string text;
    for (unsigned depth = (*this)(5); depth > 0; --depth) {
      text += "/" + ((*this)(3) == 0 ? std::string("*") : std::string(Name()));
    }
    return *PathPattern::Parse(text);
  }
  Value RandomLeaf() {
    switch ((*this)(7)) {
      case 0:
        return Value::Null();
      case 1:
        return Value::Double((*this)(3));
      case 2:
        return Value::String(std::string((*this)(3), 'x'));
      case 3:
        return Value::MakeList({Value::Int((*this)(2)), Value::EmptyMap()});
      case 4:
        return Value::Bool((*this)(2) == 0);
      default:
        return Value::Int((*this)(3));
    }
  }
  // Not canonical: "/" may stand alone, as a client may send it.
  Value RandomValue(unsigned depth = 3) {
    if (depth == 0 || (*this)(3) != 0) return RandomLeaf();
    Value::Map map;
    for (unsigned n = (*this)(4); n > 0; --n) {
      map = (*this)(6) == 0 ? map.Set("/", RandomLeaf())
                            : map.Set(Name(), RandomValue(depth - 1));
    }
    return Value::MakeMap(map);
  }

  Operation RandomOperation() {
    switch ((*this)(8)) {
      case 0:
        return DeleteOperation{RandomPath(), std::nullopt, (*this)(9) == 0};
      case 1:
        return PingOperation{RandomPath(), std::nullopt};
      default:
        return RandomSet();
    }
  }

 private:
  std::string_view Name() {
    static constexpr std::string_view kNames[] = {"a", "b", "c", "!"};
    return kNames[(*this)(4)];
  }

  SetOperation RandomSet() {
    SetOperation set;
    set.path = RandomPath();
    set.skip_notify = (*this)(9) == 0;
    if ((*this)(8) == 0) set.equality.kind = Equality::Kind::kAlwaysWrite;
    switch ((*this)(8)) {
      case 0:
        set.mode = WriteMode::kValue;
        set.value = RandomLeaf();
        break;
      case 1:
      case 2:
        set.mode = WriteMode::kMerge;
        set.value = RandomValue();
        return set;
      case 3:
        set.mode = WriteMode::kIfAbsent;
        set.value = Canonical(RandomValue(), set.path);
        break;
      case 4:
        set.mode = WriteMode::kAdd;
        set.value = Value::Int((*this)(3));
        if ((*this)(2) == 0) set.default_value = Value::Int(7);
        return set;
      case 5:
        set.mode = WriteMode::kAppend;
        set.value = Value::String(std::string((*this)(2), 'y'));
        return set;
      default:
        set.value = Canonical(RandomValue(), set.path);
    }
    if ((*this)(6) == 0) set.default_value = RandomLeaf();
    return set;
  }

  static Value Canonical(const Value& value, const Path& path) {
    return *tree::Canonicalize(value, path, {});
  }

  std::mt19937 random_;
};

ModelEvent Told(const Event& event) {
  static constexpr const char* kKinds[] = {"SET", "DELETE", "PING", "INITIAL"};
  const Emission& emission = event.emission();
  EXPECT_FALSE(emission.prev_omitted);
  EXPECT_FALSE(emission.new_omitted);
  return {emission.revision,
          emission.index,
          kKinds[static_cast<int>(emission.kind)],
          emission.emitting_path,
          event.current_path(),
          event.pattern(),
          emission.prev_value,
          emission.new_value};
}


TEST_P(RandomOperationsTest, AnswersReadsAndEventsAreTheModels) {
  const char* chosen = std::getenv("RESTATE_SEED");
  const unsigned first = chosen == nullptr ? 0 : std::atoi(chosen);
  const unsigned last = chosen == nullptr ? 4 : first + 1;
  for (unsigned seed = first; seed < last; ++seed) {
    SCOPED_TRACE(testing::Message() << "replay with RESTATE_SEED=" << seed);
    Dice dice(seed);
    std::filesystem::remove_all(directory());
    Open();
    Model model;
    std::vector<PathPattern> patterns;
    for (unsigned n = 1 + dice(6); n > 0; --n) {
      PathPattern pattern = dice.RandomPattern();
      if (std::find(patterns.begin(), patterns.end(), pattern) ==
          patterns.end()) {
        patterns.push_back(pattern);
      }
    }
    SubscriptionSpec spec;
    spec.patterns = patterns;
    std::sort(spec.patterns.begin(), spec.patterns.end());
    auto stream = *controller_->Subscribe(spec, kQueueBytes, [] {});
    std::vector<std::string> expected;
    int64_t revision = controller_->Published()->revision();
    for (int step = 0; step < 250; ++step) {
      std::vector<Operation> operations;
      for (unsigned n = 1 + (dice(3) == 0 ? dice(5) : 0); n > 0; --n) {
        operations.push_back(dice.RandomOperation());
      }
      std::vector<Model::Outcome> outcomes;
      std::vector<ModelEvent> events;
      const bool accepted =
          model.Apply(operations, revision + 1, patterns, &outcomes, &events);
      absl::StatusOr<CommitResult> result = Commit(operations);
      ASSERT_EQ(result.ok(), accepted) << "step " << step << result.status();
      if (accepted) {
        bool changed = false;
        for (size_t i = 0; i < outcomes.size(); ++i) {
          ASSERT_EQ(result->results[i].changed, outcomes[i].changed)
              << "step " << step << " operation " << i;
          ASSERT_EQ(result->results[i].value, outcomes[i].value)
              << "step " << step << " operation " << i;
          changed |= outcomes[i].changed;
        }
        ASSERT_EQ(result->changed, changed);
        if (changed) ++revision;
        ASSERT_EQ(result->revision, revision);
        for (const ModelEvent& event : events) {
          expected.push_back(event.ToText());
        }
      }
      for (const Path& path : {Path(), dice.RandomPath()}) {
        auto state = controller_->Published();
        auto read = state->tree().Read(path, {});
        ASSERT_TRUE(read.ok()) << read.status();
        Tree reading = read->tree;
        if (path.is_root() && !reading.has_value()) reading = Value::EmptyMap();
        ASSERT_EQ(reading, model.Read(path))
            << "step " << step << " path " << path.ToText();
      }
    }
    // A subscription stands between two batches: what came before it has been
    // routed.
    ASSERT_TRUE(controller_->Subscribe(spec, kQueueBytes, [] {}).ok());
    std::vector<std::string> told;
    Parcel parcel;
    while (true) {
      auto more = stream->Take(1 << 20, 100, clock_.Monotonic(), &parcel);
      ASSERT_TRUE(more.ok()) << more.status();
      if (!*more) break;
      for (const SubscriptionRun& run : parcel.runs) {
        for (const Event& event : run.batch.events) {
          told.push_back(Told(event).ToText());
        }
      }
    }
    EXPECT_EQ(told, expected);
    stream.reset();
    controller_.reset();
  }
}

// The same end state, written at the root, at the containers or leaf by leaf,
// reads the same, at every path.
TEST_P(RandomOperationsTest, TheSameStateReadsTheSameHoweverItWasWritten) {
  for (unsigned seed = 100; seed < 110; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Dice dice(seed);
    Model model;
    std::vector<Model::Outcome> outcomes;
    std::vector<ModelEvent> events;
    for (int i = 0; i < 40; ++i) {
      model.Apply({dice.RandomOperation()}, 1, {}, &outcomes, &events);
    }
    const Tree end = model.Read(Path());
    std::vector<std::vector<Operation>> ways(3);
    const auto set = [](const Path& path, const Value& value, WriteMode mode) {
      SetOperation operation;
      operation.path = path;
      operation.value = value;
      operation.mode = mode;
      return operation;
    };
    ways[0].push_back(set(Path(), *end, WriteMode::kSet));
    const Value::Map containers =
        end->is_map() ? end->as_map() : Value::Map().Set("/", *end);
    for (auto it = containers.begin(); !it.at_end(); ++it) {
      ways[1].push_back(it->key == "/"
                            ? set(Path(), it->value, WriteMode::kValue)
                            : set(Path().Child(it->key), it->value,
                                  WriteMode::kSet));
    }
    for (const auto& [path, own] : model.own_values()) {
      ways[2].push_back(set(path, own,
                            own.is_map() ? WriteMode::kSet : WriteMode::kValue));
    }
    for (const std::vector<Operation>& way : ways) {
      std::filesystem::remove_all(directory());
      Open();
      ASSERT_TRUE(Commit(way).ok());
      auto state = controller_->Published();
      for (const auto& [at, own] : model.own_values()) {
        for (size_t depth = 1; depth <= at.depth(); ++depth) {
          const Path path = at.Ancestor(depth);
          EXPECT_EQ(state->tree().Read(path, {})->tree, model.Read(path))
              << path.ToText();
          EXPECT_EQ(state->tree().Probe(path)->has_children,
                    tree::HasChildren(model.Read(path)));
        }
      }
      Tree root = state->tree().Read(Path(), {})->tree;
      EXPECT_EQ(root.has_value() ? root : Tree(Value::EmptyMap()), end);
      state.reset();
      controller_.reset();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Backends, RandomOperationsTest,
    testing::Values(
        Arrangement{"memory", {{"/", "memory"}}},
        Arrangement{"rocksdb", {{"/", "rocksdb"}}},
        Arrangement{"hybrid",
                    {{"/", "rocksdb"}, {"/a", "memory"}, {"/b/c", "memory"}}},
        Arrangement{"nested",
                    {{"/", "memory"}, {"/a", "rocksdb"}, {"/a/b", "memory"},
                     {"/a/b/c", "rocksdb"}}}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace restate
