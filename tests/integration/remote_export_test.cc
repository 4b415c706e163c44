// A real server that exports a path, as the far side of a mount.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/error/error.h"
#include "engine/threads/testing/shared_pool.h"
#include "gtest/gtest.h"
#include "service/remote/remote_mount.h"
#include "tests/support/error_info.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

Write Set(std::string_view path, Tree value, Revision revision) {
  return {P(path), Write::Scope::kSubtree, std::move(value), revision, {}};
}

Write SetOwn(std::string_view path, Tree value, Revision revision) {
  return {P(path), Write::Scope::kOwnValue, std::move(value), revision, {}};
}

class RemoteExportTest : public ServerTest {
 protected:
  std::string Config() const override {
    return "exports:\n- path: /shared\n- path: /x/y\n";
  }
  std::unique_ptr<Backend> Mount(const std::string& root,
                                 const std::string& writer = "near/far") {
    RemoteMountOptions options;
    options.store.address = server().address();
    options.store.root = P(root);
    // No test here is about time.
    options.store.deadline = absl::Minutes(5);
    options.backend.mount = P("/far");
    options.backend.writer = writer;
    options.backend.jobs = SharedPool();
    return *OpenRemoteMount(std::move(options));
  }
  Tree Read(Backend& backend, std::string_view path) {
    auto snapshot = backend.TakeSnapshot();
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    if (!snapshot.ok()) return {};
    auto read = (*snapshot)->Read(P(path), ReadLimits());
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? read->tree : Tree();
  }
};

TEST_F(RemoteExportTest, WhatIsAppliedIsACommitWithOrdinaryEvents) {
  auto backend = Mount("/shared");
  ASSERT_EQ(backend->Health().state, BackendHealth::State::kUp);
  const auto events = Subscribe("/shared");
  ASSERT_EQ(backend->Apply({Set("/a", Value::Int(1), 7),
                            Set("/b/c", Value::String("x"), 8)},
                           8),
            absl::OkStatus());
  ASSERT_EQ(backend->Apply({Set("/a", Value::Double(1), 9),
                            SetOwn("/b", Value::Int(5), 9),
                            Set("/b/c", std::nullopt, 9)},
                           9),
            absl::OkStatus());
  events->WaitForEvents(5);
  const auto seen = events->events();
  std::vector<std::string> told;
  for (const auto& event : seen) {
    told.push_back(v1::EventKind_Name(event.kind()) + " " +
                   event.emitting_path().text());
  }
  EXPECT_EQ(told, (std::vector<std::string>{
                      "EVENT_KIND_SET /shared/a", "EVENT_KIND_SET /shared/b/c",
                      "EVENT_KIND_SET /shared/a", "EVENT_KIND_SET /shared/b",
                      "EVENT_KIND_DELETE /shared/b/c"}));
  // One commit for each batch.
  EXPECT_EQ(seen[0].revision(), seen[1].revision());
  EXPECT_EQ(seen[2].revision(), seen[4].revision());
  EXPECT_LT(seen[1].revision(), seen[2].revision());
  // 1 and 1.0 are equal, but not the same.
  EXPECT_EQ(client().GetTyped("/shared/a")->kind_case(),
            v1::Value::kDoubleValue);
  EXPECT_EQ(*client().Get("/shared"), R"({"a":1,"b":5})");
  EXPECT_EQ(Read(*backend, "/b"), Tree(Value::Int(5)));
}

TEST_F(RemoteExportTest, ClientsOfTheExporterMayOnlyRead) {
  auto backend = Mount("/shared");
  ASSERT_EQ(backend->Apply({Set("/a", Value::Int(1), 1)}, 1),
            absl::OkStatus());
  for (const char* path : {"/shared/a", "/shared", "/", "/x/y/z", "/x"}) {
    SCOPED_TRACE(path);
    v1::SetStateRequest set;
    set.mutable_path()->set_text(path);
    set.mutable_value()->mutable_json()->mutable_struct_value();
    const Failure failure = FailureOf(client().SetState(set).status);
    EXPECT_EQ(failure.code + " / " + failure.reason,
              "FAILED_PRECONDITION / EXPORTED");
    v1::DeleteStateRequest remove;
    remove.mutable_path()->set_text(path);
    EXPECT_EQ(CodeAndReason(client().DeleteState(remove).status),
              "FAILED_PRECONDITION / EXPORTED");
  }
  EXPECT_EQ(*client().Get("/shared/a"), "1");
  // Beside it they are free.
  client().Set("/x/z", "1");
  client().Set("/sharedother", "1");
}

TEST_F(RemoteExportTest, TheVersionIsKeptWithTheData) {
  {
    auto backend = Mount("/shared");
    ASSERT_EQ(backend->Apply({Set("/a", Value::Int(1), 41)}, 41),
              absl::OkStatus());
  }
  KillAndRestart();
  auto backend = Mount("/shared");
  EXPECT_EQ(backend->applied_revision(), 41);
  EXPECT_EQ(Read(*backend, "/a"), Tree(Value::Int(1)));
  // Known already: nothing happens.
  ASSERT_EQ(backend->Apply({Set("/a", Value::Int(9), 41)}, 41),
            absl::OkStatus());
  EXPECT_EQ(*client().Get("/shared/a"), "1");
  // The other export has a version of its own.
  EXPECT_EQ(Mount("/x/y")->applied_revision(), 0);
}

TEST_F(RemoteExportTest, TheSecondOfTwoWritersWinsAndTheFirstHearsOfIt) {
  auto first = Mount("/shared", "one");
  ASSERT_EQ(first->Apply({Set("/a", Value::Int(1), 1)}, 1), absl::OkStatus());
  auto second = Mount("/shared", "two");
  EXPECT_TRUE(second->edited_while_closed());
  ASSERT_EQ(second->Apply({Set("/a", Value::Int(2), 1)}, 1),
            absl::OkStatus());
  const absl::Status lost = first->Apply({Set("/a", Value::Int(3), 2)}, 2);
  EXPECT_EQ(lost.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(lost), "WRONG_STORE");
  EXPECT_EQ(*client().Get("/shared/a"), "2");
}

TEST_F(RemoteExportTest, WhatIsNotExportedIsDown) {
  auto backend = Mount("/other");
  ASSERT_EQ(backend->Health().problems.size(), 1);
  EXPECT_NE(backend->Health().problems[0].find(
                "does not export /other; it exports /shared, /x/y"),
            std::string::npos)
      << backend->Health().problems[0];
}

TEST_F(RemoteExportTest, SaysBeforehandWhatItCannotHold) {
  auto backend = Mount("/x/y");
  EXPECT_EQ(ErrorReason(backend->CanStore(
                Set("/a", Value::String(std::string(2 << 20, 'x')), 1))),
            "NOT_STORABLE");
  std::string deep;
  for (int i = 0; i < 28; ++i) deep += "/d";
  EXPECT_EQ(backend->CanStore(Set(deep, Value::Int(1), 1)), absl::OkStatus());
  EXPECT_EQ(ErrorReason(backend->CanStore(Set(deep + "/d", Value::Int(1), 1))),
            "NOT_STORABLE");
  ASSERT_EQ(backend->Apply({Set(deep, Value::Int(1), 1)}, 1),
            absl::OkStatus());
  EXPECT_EQ(Read(*backend, deep), Tree(Value::Int(1)));
}

TEST_F(RemoteExportTest, LargeSubtreesGoInParts) {
  auto backend = Mount("/shared");
  Value::Map map;
  for (int i = 0; i < 8'000; ++i) {
    map = map.Set(std::to_string(i), Value::String(std::string(300, 'x')));
  }
  const Value wide = Value::MakeMap(map);
  ASSERT_EQ(backend->Apply({Set("/w", wide, 1)}, 1), absl::OkStatus());
  EXPECT_EQ(Read(*backend, "/w"), Tree(wide));
  EXPECT_EQ(backend->applied_revision(), 1);
}

}  // namespace
}  // namespace restate::test
