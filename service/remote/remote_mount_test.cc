// The mount of a store over a connection: a far side that goes and comes back,
// is slow, answers nonsense, or is no store at all.
#include "service/remote/remote_mount.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "engine/error/error.h"
#include "engine/sync/mutex.h"
#include "engine/threads/testing/shared_pool.h"
#include "gtest/gtest.h"
#include "service/remote/testing/store_server.h"

namespace restate {
namespace {

using State = BackendHealth::State;

Path P(std::string_view text) { return *Path::Parse(text); }

Write Set(std::string_view path, Tree value, Revision revision) {
  return {P(path), Write::Scope::kSubtree, std::move(value), revision, {}};
}

// Where calls of a store wait until they may go on.
class Gate {
 public:
  void Pass() {
    MutexLock lock(&mutex_);
    reached_ = true;
    changed_.NotifyAll();
    while (!open_) changed_.Wait(&mutex_);
  }
  void WaitUntilReached() {
    MutexLock lock(&mutex_);
    while (!reached_) changed_.Wait(&mutex_);
  }
  void Open() {
    MutexLock lock(&mutex_);
    open_ = true;
    changed_.NotifyAll();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool reached_ ABSL_GUARDED_BY(mutex_) = false;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
};

class RemoteMountTest : public testing::Test {
 protected:
  RemoteMountOptions Options() {
    RemoteMountOptions options;
    options.store.address = server_.address();
    options.store.backoff = absl::Milliseconds(1);
    options.backend.mount = P("/far");
    options.backend.writer = "w";
    options.backend.jobs = SharedPool();
    options.backend.probe_interval_down = absl::Milliseconds(5);
    options.backend.health_changed = [this](const BackendHealth& health) {
      MutexLock lock(&mutex_);
      state_ = health.state;
      changed_.NotifyAll();
    };
    return options;
  }
  std::unique_ptr<Backend> Open(RemoteMountOptions options) {
    return *OpenRemoteMount(std::move(options));
  }
  std::unique_ptr<Backend> Open() { return Open(Options()); }
  void WaitFor(State state) {
    MutexLock lock(&mutex_);
    while (state_ != state) changed_.Wait(&mutex_);
  }

  const std::shared_ptr<MemoryStore> store_ =
      std::make_shared<MemoryStore>("store-1");
  StoreServer server_{store_};
  Mutex mutex_;
  CondVar changed_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kDown;
};

TEST_F(RemoteMountTest, WantsAnAddressAWriterAndTime) {
  RemoteMountOptions options = Options();
  options.store.address = "";
  EXPECT_EQ(OpenRemoteMount(options).status().code(),
            absl::StatusCode::kInvalidArgument);
  options = Options();
  options.backend.writer = "";
  EXPECT_EQ(OpenRemoteMount(options).status().code(),
            absl::StatusCode::kInvalidArgument);
  options = Options();
  options.store.deadline = absl::ZeroDuration();
  EXPECT_EQ(OpenRemoteMount(options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(RemoteMountTest, TheFarSideGoesAndComesBack) {
  auto backend = Open();
  ASSERT_EQ(backend->Apply({Set("/a", Value::Int(1), 1)}, 1),
            absl::OkStatus());
  server_.Stop();
  const absl::Status lost =
      backend->Apply({Set("/a", Value::Int(2), 2)}, 2);
  EXPECT_EQ(lost.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorReason(lost), "MOUNT_UNAVAILABLE");
  EXPECT_EQ(ErrorMetadata(lost)["mount"], "/far");
  EXPECT_EQ(ErrorMetadata(lost)["address"], server_.address());
  EXPECT_EQ(backend->Health().state, State::kDown);
  ASSERT_EQ(backend->Health().problems.size(), 1);
  EXPECT_NE(backend->Health().problems[0].find(server_.address()),
            std::string::npos);
  EXPECT_EQ(backend->TakeSnapshot().status().code(),
            absl::StatusCode::kUnavailable);

  server_.Start();
  WaitFor(State::kUp);
  EXPECT_EQ(backend->applied_revision(), 1);
  ASSERT_EQ(backend->Apply({Set("/a", Value::Int(2), 2)}, 2),
            absl::OkStatus());
  EXPECT_EQ((*backend->TakeSnapshot())->Read(P("/a"), ReadLimits())->tree,
            Tree(Value::Int(2)));
}

TEST_F(RemoteMountTest, OpensWithNobodyThere) {
  server_.Stop();
  auto backend = Open();
  EXPECT_EQ(backend->Health().state, State::kDown);
  server_.Start();
  WaitFor(State::kUp);
  EXPECT_TRUE(backend->TakeSnapshot().ok());
}

TEST_F(RemoteMountTest, ASlowFarSideEndsWithTheDeadline) {
  RemoteMountOptions options = Options();
  options.store.deadline = absl::Milliseconds(50);
  auto backend = Open(options);
  auto snapshot = *backend->TakeSnapshot();
  const auto gate = std::make_shared<Gate>();
  store_->Falsify([gate](ScanPage*) { gate->Pass(); });
  const absl::Status late = snapshot->Probe(P("/a")).status();
  EXPECT_EQ(late.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(late.message().find("it did not answer within 50ms"),
            std::string::npos)
      << late;
  // The store answers nobody while it hangs.
  EXPECT_EQ(backend->Health().state, State::kDown);
  gate->Open();
  WaitFor(State::kUp);
  EXPECT_TRUE(snapshot->Probe(P("/a")).ok());
}

TEST_F(RemoteMountTest, ClosingEndsWhatIsUnderWay) {
  RemoteMountOptions options = Options();
  options.store.deadline = absl::Hours(1);
  auto backend = Open(options);
  auto snapshot = *backend->TakeSnapshot();
  const auto gate = std::make_shared<Gate>();
  store_->Falsify([gate](ScanPage*) { gate->Pass(); });
  absl::Status ended;
  std::thread reader(
      [&] { ended = snapshot->Probe(P("/a")).status(); });
  gate->WaitUntilReached();
  backend.reset();
  reader.join();
  EXPECT_EQ(ended.code(), absl::StatusCode::kUnavailable);
  gate->Open();
}

TEST_F(RemoteMountTest, RefusedWritesAreFinal) {
  auto backend = Open();
  for (absl::StatusCode code :
       {absl::StatusCode::kInvalidArgument,
        absl::StatusCode::kFailedPrecondition,
        absl::StatusCode::kResourceExhausted}) {
    store_->RefuseApplies(absl::Status(code, "not here"));
    const absl::Status refused =
        backend->Apply({Set("/a", Value::Int(1), 1)}, 1);
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ErrorReason(refused), "NOT_STORABLE");
    EXPECT_NE(refused.message().find("not here"), std::string::npos);
  }
  EXPECT_EQ(backend->Health().state, State::kUp);
  store_->RefuseApplies(absl::InternalError("a bug"));
  EXPECT_EQ(backend->Apply({Set("/a", Value::Int(1), 1)}, 1).code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(RemoteMountTest, PathsThatAreNoneAreWrongAnswers) {
  auto backend = Open();
  ASSERT_EQ(backend->Apply({Set("/a", Value::Int(1), 1)}, 1),
            absl::OkStatus());
  server_.set_falsify([](v1::ScanResponse* response) {
    response->mutable_entries(0)->mutable_path()->set_text("/a/../b");
  });
  auto snapshot = *backend->TakeSnapshot();
  const absl::Status wrong = snapshot->Read(P("/"), ReadLimits()).status();
  EXPECT_EQ(wrong.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ErrorReason(wrong), "CORRUPT");
  server_.set_falsify([](v1::ScanResponse* response) {
    response->mutable_entries(0)->clear_value();
  });
  EXPECT_EQ(snapshot->Read(P("/"), ReadLimits()).status().code(),
            absl::StatusCode::kDataLoss);
  server_.set_falsify([](v1::ScanResponse* response) {
    response->set_more(true);
    response->clear_entries();
  });
  EXPECT_EQ(snapshot->Read(P("/"), ReadLimits()).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(RemoteMountTest, MoreWithoutMoreEnds) {
  auto backend = Open();
  ASSERT_EQ(backend->Apply({Set("/a", Value::Int(1), 1)}, 1),
            absl::OkStatus());
  server_.set_falsify([](v1::ScanResponse* response) {
    if (!response->entries().empty()) response->set_more(true);
  });
  EXPECT_EQ((*backend->TakeSnapshot())
                ->Read(P("/"), ReadLimits())
                ->tree->DebugString(),
            Value::MakeMap(Value::Map().Set("a", Value::Int(1)))
                .DebugString());
}

TEST_F(RemoteMountTest, AnAnswerThatIsTooLargeIsNoDownfall) {
  RemoteMountOptions options = Options();
  options.store.max_message_bytes = 10'000;
  auto backend = Open(options);
  ASSERT_EQ(backend->Apply(
                {Set("/a", Value::String(std::string(20'000, 'x')), 1)}, 1),
            absl::OkStatus());
  const absl::Status large = (*backend->TakeSnapshot())
                                 ->Read(P("/a"), ReadLimits())
                                 .status();
  EXPECT_EQ(large.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorReason(large), "READ_TOO_LARGE");
  EXPECT_EQ(backend->Health().state, State::kUp);
}

}  // namespace
}  // namespace restate
