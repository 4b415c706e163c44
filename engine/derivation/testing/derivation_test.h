#ifndef RESTATE_ENGINE_DERIVATION_TESTING_DERIVATION_TEST_H_
#define RESTATE_ENGINE_DERIVATION_TESTING_DERIVATION_TEST_H_

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/backend/memory/memory_backend.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/clock/clock.h"
#include "engine/commit/sequencer.h"
#include "engine/derivation/derived_store.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {

inline Path P(std::string_view text) { return *Path::Parse(text); }
inline Value I(int64_t number) { return Value::Int(number); }
inline Value M(std::vector<std::pair<std::string, Value>> items) {
  Value::Map map;
  for (auto& [key, value] : items) map = map.Set(key, value);
  return Value::MakeMap(map);
}

inline SetOperation SetOf(std::string_view path, Value value,
                          WriteMode mode = WriteMode::kSet) {
  SetOperation set;
  set.path = P(path);
  set.value = std::move(value);
  set.mode = mode;
  return set;
}
inline DeleteOperation DeleteOf(std::string_view path) {
  return DeleteOperation{.path = P(path)};
}

inline Definition Lua(std::string_view dest,
                      std::vector<std::pair<std::string, std::string>> sources,
                      std::string source) {
  Definition definition;
  definition.dest = P(dest);
  LuaTransform lua;
  for (auto& [name, path] : sources) {
    lua.parameters.push_back(name);
    definition.sources.push_back(P(path));
  }
  lua.source = std::move(source);
  definition.transform = std::move(lua);
  return definition;
}
inline Definition Aggregate(std::string_view dest, std::string_view source,
                            Combine combine, std::string each = "",
                            std::string group_by = "") {
  Definition definition;
  definition.dest = P(dest);
  definition.sources = {P(source)};
  definition.transform =
      AggregateTransform{std::move(each), combine, std::move(group_by)};
  return definition;
}
inline Definition Hosted(std::string_view dest, std::string_view source) {
  Definition definition;
  definition.dest = P(dest);
  definition.sources = {P(source)};
  definition.transform = HostedTransform{"host"};
  return definition;
}

// The same, defined by somebody.
inline Definition By(std::string definer, Definition definition) {
  definition.definer = std::move(definer);
  return definition;
}

// Remembers every commit. Written by the sequencer's thread before a commit
// that comes later is answered.
class CommitRecorder final : public CommitListener {
 public:
  void OnPublished(absl::Span<const SequencedCommit> commits) override {
    for (const SequencedCommit& one : commits) published.push_back(one);
  }
  std::vector<SequencedCommit> published;
};

// A sequencer over memory, or over RocksDB with memory at /tmp.
class DerivationTest : public testing::Test {
 protected:
  DerivationTest()
      : directory_(std::filesystem::path(testing::TempDir()) /
                   testing::UnitTest::GetInstance()
                       ->current_test_info()
                       ->name()) {
    std::filesystem::remove_all(directory_);
  }
  ~DerivationTest() override {
    sequencer_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Start() {
    SequencerOptions options = Options();
    options.mounts.push_back({Path(), std::make_unique<MemoryBackend>()});
    Run(std::move(options));
  }
  void StartDurable() {
    SequencerOptions options = Options();
    RocksDbOptions rocksdb;
    rocksdb.directory = directory_.string();
    auto store = *RocksDbStore::Open(rocksdb);
    options.mounts.push_back({Path(), *store->OpenMount(Path())});
    options.mounts.push_back({P("/tmp"), std::make_unique<MemoryBackend>()});
    options.derived_store = *store->OpenMount(DerivedStorePlace());
    options.commit_store = std::move(store);
    Run(std::move(options));
  }
  void Restart() {
    sequencer_.reset();
    StartDurable();
  }

  absl::StatusOr<CommitResult> Commit(CommitRequest request) {
    std::promise<absl::StatusOr<CommitResult>> answer;
    sequencer_->Submit(std::move(request),
                       [&](absl::StatusOr<CommitResult> result) {
                         answer.set_value(std::move(result));
                       });
    return answer.get_future().get();
  }
  absl::StatusOr<CommitResult> Do(std::vector<Operation> operations) {
    CommitRequest request;
    request.operations = std::move(operations);
    return Commit(std::move(request));
  }
  absl::StatusOr<CommitResult> Set(std::string_view path, Value value,
                                   WriteMode mode = WriteMode::kSet) {
    return Do({SetOf(path, std::move(value), mode)});
  }
  absl::StatusOr<CommitResult> Delete(std::string_view path) {
    return Do({DeleteOf(path)});
  }
  absl::Status Define(Definition definition, bool overwrite = false) {
    CommitRequest request;
    request.derivation = DefineDerivation{std::move(definition), overwrite};
    return Commit(std::move(request)).status();
  }
  absl::Status Remove(std::string_view dest) {
    CommitRequest request;
    request.derivation = RemoveDerivation{P(dest)};
    return Commit(std::move(request)).status();
  }
  absl::Status Complete(std::string_view dest, Revision source_revision,
                        Tree value, absl::Status status = absl::OkStatus()) {
    CommitRequest request;
    request.derivation =
        CompleteTransform{P(dest),         Now(dest).version,
                          source_revision, nullptr,
                          status,          std::move(value)};
    return Commit(std::move(request)).status();
  }

  // Everything published has gone to the listener.
  void Settle() {
    std::promise<void> done;
    ASSERT_TRUE(
        sequencer_->AtBoundary([&] { done.set_value(); }).ok());
    done.get_future().get();
  }
  // Nothing waits to be computed in a commit of its own.
  void SettleDerivations() {
    do {
      Settle();
    } while (!State()->derivations().awaiting.empty());
    Settle();
  }
  std::shared_ptr<const PublishedState> State() {
    return sequencer_->publication().Newest();
  }
  Tree Read(std::string_view path, View view = View::kAll) {
    return State()->Read(P(path), view, ReadLimits())->tree;
  }
  Derivation Now(std::string_view dest) {
    return *State()->derivations().Find(P(dest));
  }
  int64_t Runs(std::string_view dest) { return Now(dest).progress->runs; }
  DerivationStatus StatusOf(std::string_view dest) {
    return Now(dest).progress->status;
  }
  std::string MessageOf(std::string_view dest) {
    return Now(dest).progress->message;
  }
  // What the last commit did, one line an effect: "0 /a", "1 /b derived".
  std::vector<std::string> LastEffects() {
    Settle();
    std::vector<std::string> lines;
    for (const Effect& effect : recorder_.published.back().effects) {
      lines.push_back(std::to_string(effect.index) + " " +
                      effect.path.ToText() +
                      (effect.derived ? " derived" : ""));
    }
    return lines;
  }

  SequencerOptions Options() {
    SequencerOptions options;
    options.clock = &clock_;
    options.listener = &recorder_;
    options.derivations = limits_;
    return options;
  }
  void Run(SequencerOptions options) {
    auto started = Sequencer::Start(std::move(options));
    ASSERT_TRUE(started.ok()) << started.status();
    sequencer_ = *std::move(started);
  }

  const std::filesystem::path directory_;
  SystemClock clock_;
  CommitRecorder recorder_;
  // Nothing depends on how busy the machine is.
  DerivationLimits limits_ = {
      .longest_wait = absl::InfiniteDuration(),
      .allowance = {.at_once = absl::InfiniteDuration()}};
  std::unique_ptr<Sequencer> sequencer_;
};

// The reason of an error.
inline std::string ReasonOf(const absl::Status& status) {
  return ErrorReason(status);
}

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_TESTING_DERIVATION_TEST_H_
