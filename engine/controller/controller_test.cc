#include "engine/controller/controller.h"

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/clock/clock.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }
Value I(int64_t i) { return Value::Int(i); }
Value S(const char* s) { return Value::String(s); }

Value MapOf(
    std::initializer_list<std::pair<std::string_view, Value>> entries) {
  Value::Map map;
  for (const auto& [key, value] : entries) map = map.Set(key, value);
  return Value::MakeMap(map);
}

std::string Text(const Tree& tree) {
  return tree.has_value() ? tree->DebugString() : "-";
}

// "SET /users/1 at /users (/users): {…} -> {…}".
std::string Line(const Event& event) {
  static constexpr const char* kKinds[] = {"SET", "DELETE", "PING", "INITIAL"};
  const Emission& emission = event.emission();
  return absl::StrCat(kKinds[static_cast<int>(emission.kind)], " ",
                      emission.emitting_path.ToText(), " at ",
                      event.current_path().ToText(), " (",
                      event.pattern().ToText(), "): ",
                      Text(emission.prev_value), " -> ",
                      Text(emission.new_value));
}

class ControllerTest : public testing::Test {
 protected:
  ControllerTest() {
    ControllerOptions options;
    options.mounts.push_back({Path(), std::make_unique<MemoryBackend>()});
    options.mounts.push_back({P("/tmp"), std::make_unique<MemoryBackend>()});
    options.clock = &clock_;
    controller_ = *Controller::Start(std::move(options));
  }

  absl::StatusOr<CommitResult> Commit(CommitRequest request) {
    std::promise<absl::StatusOr<CommitResult>> done;
    controller_->Commit(std::move(request),
                        [&](absl::StatusOr<CommitResult> result) {
                          done.set_value(std::move(result));
                        });
    return done.get_future().get();
  }
  absl::StatusOr<CommitResult> Do(Operation operation) {
    CommitRequest request;
    request.operations.push_back(std::move(operation));
    return Commit(std::move(request));
  }
  CommitResult Set(std::string_view path, Value value,
                   WriteMode mode = WriteMode::kSet) {
    SetOperation set;
    set.path = P(path);
    set.value = std::move(value);
    set.mode = mode;
    absl::StatusOr<CommitResult> result = Do(set);
    EXPECT_TRUE(result.ok()) << result.status();
    return *std::move(result);
  }
  CommitResult Delete(std::string_view path) {
    return *Do(DeleteOperation{.path = P(path)});
  }
  Tree Get(std::string_view path) {
    return controller_->Published()->tree().Read(P(path), {})->tree;
  }

  std::unique_ptr<EventStream> Subscribe(std::vector<std::string> patterns,
                                         bool snapshot = false) {
    SubscriptionSpec spec;
    if (snapshot) spec.start = StartSnapshot();
    for (const std::string& pattern : patterns) {
      spec.patterns.push_back(*PathPattern::Parse(pattern));
    }
    auto stream = controller_->Subscribe(std::move(spec), 8 << 20, [] {});
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);
  }
  // Everything that waits, after all commits answered so far were routed.
  std::vector<std::string> Drain(EventStream& stream) {
    // A subscription is made between two batches, so what came before it has
    // been routed when it stands.
    Subscribe({"/barrier"});
    std::vector<std::string> lines;
    Parcel parcel;
    while (true) {
      absl::StatusOr<bool> more =
          stream.Take(1 << 20, 1000, clock_.Monotonic(), &parcel);
      if (!more.ok() || !*more) return lines;
      for (const SubscriptionRun& run : parcel.runs) {
        for (const Event& event : run.batch.events) {
          lines.push_back(Line(event));
        }
      }
    }
  }
  // The next batch.
  absl::StatusOr<EventBatch> TakeBatch(EventStream& stream) {
    Parcel parcel;
    absl::StatusOr<bool> more =
        stream.Take(1 << 20, 1000, clock_.Monotonic(), &parcel);
    if (!more.ok()) return more.status();
    EXPECT_TRUE(*more);
    EXPECT_EQ(parcel.runs.size(), 1u);
    return parcel.runs.front().batch;
  }

  SystemClock clock_;
  std::unique_ptr<Controller> controller_;
};

using Lines = std::vector<std::string>;

TEST_F(ControllerTest, ReadsBackWhatWasWrittenAndCountsRevisions) {
  EXPECT_EQ(controller_->Published()->revision(), 0);
  CommitResult first = Set("/users/1", MapOf({{"name", S("Alice")}}));
  EXPECT_TRUE(first.changed);
  EXPECT_EQ(first.revision, 1);
  CommitResult same = Set("/users/1", MapOf({{"name", S("Alice")}}));
  EXPECT_FALSE(same.changed);
  EXPECT_EQ(same.revision, 1);
  EXPECT_EQ(Get("/users/1/name"), Tree(S("Alice")));
  EXPECT_EQ(Get("/"),
            Tree(MapOf({{"users", MapOf({{"1", MapOf({{"name", S("Alice")}})}})}})));
  EXPECT_TRUE(Delete("/users/1/name").changed);
  EXPECT_EQ(Get("/users"), std::nullopt);
  EXPECT_FALSE(Delete("/users").changed);
}

TEST_F(ControllerTest, EventsComeDownwardThenAtThePathThenUp) {
  auto stream = Subscribe({"/", "/users/*/name", "/users", "/users/1"});
  Set("/users/1", MapOf({{"name", S("Alice")}, {"role", S("admin")}}));
  EXPECT_EQ(
      Drain(*stream),
      (Lines{"SET /users/1/name at /users/1/name (/users/*/name): - -> "
             "\"Alice\"",
             "SET /users/1 at /users/1 (/users/1): - -> {\"name\": \"Alice\", "
             "\"role\": \"admin\"}",
             "SET /users/1 at /users (/users): - -> {\"name\": \"Alice\", "
             "\"role\": \"admin\"}",
             "SET /users/1 at / (/): - -> {\"name\": \"Alice\", \"role\": "
             "\"admin\"}"}));
  Delete("/users");
  EXPECT_EQ(
      Drain(*stream),
      (Lines{"DELETE /users/1/name at /users/1/name (/users/*/name): "
             "\"Alice\" -> -",
             "DELETE /users/1 at /users/1 (/users/1): {\"name\": \"Alice\", "
             "\"role\": \"admin\"} -> -",
             "DELETE /users at /users (/users): {\"1\": {\"name\": \"Alice\", "
             "\"role\": \"admin\"}} -> -",
             "DELETE /users at / (/): {\"1\": {\"name\": \"Alice\", \"role\": "
             "\"admin\"}} -> -"}));
}

TEST_F(ControllerTest, SnapshotThenLive) {
  Set("/users/1/name", S("Alice"));
  Set("/users/2/name", S("Bob"));
  auto stream = Subscribe({"/users/*/name", "/users/*", "/nobody"}, true);
  const EventBatch batch = *TakeBatch(*stream);
  Lines lines;
  for (const Event& event : batch.events) lines.push_back(Line(event));
  EXPECT_EQ(lines,
            (Lines{"INITIAL /users/1 at /users/1 (/users/*): - -> {\"name\": "
                   "\"Alice\"}",
                   "INITIAL /users/1/name at /users/1/name (/users/*/name): - "
                   "-> \"Alice\"",
                   "INITIAL /users/2 at /users/2 (/users/*): - -> {\"name\": "
                   "\"Bob\"}",
                   "INITIAL /users/2/name at /users/2/name (/users/*/name): - "
                   "-> \"Bob\""}));
  EXPECT_TRUE(batch.synced);
  EXPECT_EQ(batch.revision, 2);
  Set("/users/2/name", S("Eve"));
  EXPECT_EQ(Drain(*stream),
            (Lines{"SET /users/2/name at /users/2/name (/users/*/name): "
                   "\"Bob\" -> \"Eve\"",
                   "SET /users/2/name at /users/2 (/users/*): \"Bob\" -> "
                   "\"Eve\""}));
}

TEST_F(ControllerTest, ATransactionIsAllOrNothing) {
  Set("/a", I(1));
  CommitRequest request;
  SetOperation set;
  set.path = P("/b");
  set.value = I(2);
  request.operations.push_back(set);
  SetOperation add;
  add.path = P("/b/x");
  add.value = S("x");
  add.mode = WriteMode::kSet;
  request.operations.push_back(add);
  SetOperation overflow;
  overflow.path = P("/a");
  overflow.value = I(INT64_MAX);
  overflow.mode = WriteMode::kAdd;
  request.operations.push_back(overflow);
  absl::StatusOr<CommitResult> result = Commit(std::move(request));
  EXPECT_EQ(ErrorReason(result.status()), "INTEGER_OVERFLOW");
  EXPECT_EQ(ErrorMetadata(result.status())["operation"], "2");
  EXPECT_EQ(Get("/"), Tree(MapOf({{"a", I(1)}})));
  EXPECT_EQ(controller_->Published()->revision(), 1);
}

TEST_F(ControllerTest, UnchangedSinceSeesAncestorsOnlyWhereTheyChangedThePath) {
  const Revision r = Set("/x", MapOf({{"a", I(1)}, {"b", I(1)}})).revision;
  const auto holds = [&](std::string_view path, Revision since) {
    CommitRequest request;
    request.preconditions.push_back(UnchangedSince{P(path), since});
    return Commit(std::move(request)).ok();
  };
  EXPECT_TRUE(holds("/x/a", r));
  Set("/x", MapOf({{"a", I(1)}, {"b", I(2)}}));
  EXPECT_TRUE(holds("/x/a", r)) << "the write above left it as it was";
  EXPECT_FALSE(holds("/x/b", r));
  EXPECT_FALSE(holds("/x", r));
  EXPECT_FALSE(holds("/", r));
  Set("/x/b", I(1));
  EXPECT_FALSE(holds("/x/b", r)) << "A to B to A counts";
}

TEST_F(ControllerTest, MountsReadAsOneTree) {
  Set("/", MapOf({{"a", I(1)}, {"tmp", MapOf({{"b", I(2)}})}}));
  EXPECT_EQ(Get("/tmp"), Tree(MapOf({{"b", I(2)}})));
  Set("/", MapOf({{"tmp", MapOf({{"c", I(3)}})}}));
  EXPECT_EQ(Get("/"), Tree(MapOf({{"tmp", MapOf({{"c", I(3)}})}})));
  Delete("/");
  EXPECT_EQ(Get("/"), std::nullopt);
}

TEST_F(ControllerTest, StopEndsStreamsAfterWhatTheyHold) {
  auto stream = Subscribe({"/"});
  Set("/a", I(1));
  EXPECT_TRUE(controller_->Stop().ok());
  Parcel parcel;
  ASSERT_TRUE(*stream->Take(1 << 20, 100, clock_.Monotonic(), &parcel));
  ASSERT_EQ(parcel.runs.size(), 2u);
  EXPECT_TRUE(parcel.runs[0].batch.synced);
  EXPECT_EQ(parcel.runs[1].batch.events.size(), 1u);
  EXPECT_EQ(parcel.runs[1].batch.revision, 1);
  EXPECT_EQ(ErrorReason(TakeBatch(*stream).status()), "SHUTTING_DOWN");
  EXPECT_EQ(ErrorReason(Do(PingOperation{.path = P("/a")}).status()),
            "SHUTTING_DOWN");
}

}  // namespace
}  // namespace restate
