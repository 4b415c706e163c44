#include "service/streams/stream_pump.h"

#include <grpcpp/grpcpp.h>
#include <pthread.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "engine/error/error.h"
#include "gtest/gtest.h"
#include "restate/v1/event_service.grpc.pb.h"
#include "service/testing/fake_clock.h"

namespace restate {
namespace {

using Message = v1::SubscribeResponse;
using Pump = StreamPump<Message>;

// Something that a test waits for.
class Flag {
 public:
  void Set() {
    MutexLock lock(&mutex_);
    set_ = true;
    changed_.NotifyAll();
  }
  void Wait() {
    MutexLock lock(&mutex_);
    while (!set_) changed_.Wait(&mutex_);
  }
  bool is_set() {
    MutexLock lock(&mutex_);
    return set_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool set_ ABSL_GUARDED_BY(mutex_) = false;
};

// What a test puts in comes out as messages whose epoch it is.
class Script {
 public:
  void Add(std::string text) {
    MutexLock lock(&mutex_);
    texts_.push_back(std::move(text));
  }
  void End(absl::Status status) {
    MutexLock lock(&mutex_);
    end_ = std::move(status);
    ended_ = true;
  }
  // Called inside Next, once, when there is nothing.
  void WhenEmpty(std::function<void()> call) {
    MutexLock lock(&mutex_);
    when_empty_ = std::move(call);
  }
  // Adds the text once it is this late.
  void AddAt(absl::Duration time, std::string text) {
    MutexLock lock(&mutex_);
    due_ = time;
    due_text_ = std::move(text);
  }
  bool Due(absl::Duration now) {
    MutexLock lock(&mutex_);
    if (now < due_) return false;
    due_ = absl::InfiniteDuration();
    texts_.push_back(std::move(due_text_));
    due_asked.Set();
    return true;
  }
  Supply Next(Message* message, absl::Status* end) {
    std::function<void()> call;
    Supply supply = Supply::kNothingYet;
    char name[16] = "";
    pthread_getname_np(pthread_self(), name, sizeof(name));
    {
      MutexLock lock(&mutex_);
      thread_ = name;
      if (!texts_.empty()) {
        message->mutable_batch()->set_epoch(std::move(texts_.front()));
        texts_.pop_front();
        return Supply::kMessage;
      }
      if (ended_) {
        *end = end_;
        return Supply::kEnd;
      }
      call = std::exchange(when_empty_, nullptr);
    }
    asked_in_vain.Set();
    if (call) call();
    return supply;
  }

  void SetMayBlock(bool may_block) {
    MutexLock lock(&mutex_);
    may_block_ = may_block;
  }
  bool may_block() {
    MutexLock lock(&mutex_);
    return may_block_;
  }
  // The name of the one that called Next last.
  std::string thread() {
    MutexLock lock(&mutex_);
    return thread_;
  }

  Flag asked_in_vain;
  Flag due_asked;
  Flag dropped;

 private:
  Mutex mutex_;
  std::deque<std::string> texts_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> when_empty_ ABSL_GUARDED_BY(mutex_);
  absl::Duration due_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  std::string due_text_ ABSL_GUARDED_BY(mutex_);
  bool may_block_ ABSL_GUARDED_BY(mutex_) = false;
  std::string thread_ ABSL_GUARDED_BY(mutex_);
};

class ScriptSource final : public MessageSource<Message> {
 public:
  explicit ScriptSource(Script* script) : script_(script) {}
  ~ScriptSource() override { script_->dropped.Set(); }
  Supply Next(Message* message, absl::Status* end) override {
    return script_->Next(message, end);
  }
  bool MayBlock() const override { return script_->may_block(); }
  bool Due(absl::Duration now) const override { return script_->Due(now); }

 private:
  Script* const script_;
};

// A server whose one call is a pump that the test holds.
class StreamPumpTest : public testing::Test {
 protected:
  class Service final : public v1::EventService::CallbackService {
   public:
    explicit Service(StreamPumpTest* test) : test_(test) {}
    grpc::ServerWriteReactor<Message>* Subscribe(
        grpc::CallbackServerContext* context,
        const v1::SubscribeRequest* request) override {
      StreamPumpOptions options{.open_streams = &test_->open_streams_,
                                .worker = &test_->worker_,
                                .patient = &test_->patient_,
                                .write_deadline = absl::Seconds(60),
                                .overdue = MakeError(Reason::kSnapshotExpired,
                                                     "too slow"),
                                .clock = &test_->clock_};
      test_->pump_ = Pump::Open(std::move(options));
      if (test_->begin_at_once_) {
        test_->pump_->Begin(std::make_unique<ScriptSource>(&test_->script_));
      }
      test_->opened_.Set();
      return test_->pump_.get();
    }

   private:
    StreamPumpTest* const test_;
  };

  void SetUp() override {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    stub_ = v1::EventService::NewStub(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                            grpc::InsecureChannelCredentials()));
  }

  void TearDown() override {
    // Every call is done by itself: nothing waits for the server to go.
    EXPECT_TRUE(open_streams_.WaitUntilNone(absl::Seconds(30)));
    server_->Shutdown(std::chrono::system_clock::now());
    EXPECT_TRUE(script_.dropped.is_set());
  }

  // Reads one message; its text, or "" at the end.
  std::string Read() {
    Message message;
    return reader_->Read(&message) ? message.batch().epoch() : "";
  }

  void Subscribe() {
    reader_ = stub_->Subscribe(&context_, v1::SubscribeRequest());
    opened_.Wait();
  }

  FakeClock clock_;
  OpenStreams open_streams_;
  WorkThread worker_{"worker"};
  WorkThreads patient_{"patient", 1};
  Script script_;
  bool begin_at_once_ = true;
  Flag opened_;
  std::shared_ptr<Pump> pump_;
  Service service_{this};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::EventService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<Message>> reader_;
};

TEST_F(StreamPumpTest, SendsWhatThereIsAndThenTheEnd) {
  script_.Add("one");
  script_.Add("two");
  script_.End(MakeError(Reason::kSlowSubscriber, "too much"));
  Subscribe();
  EXPECT_EQ(Read(), "one");
  EXPECT_EQ(Read(), "two");
  EXPECT_EQ(Read(), "");
  const grpc::Status status = reader_->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "too much");
}

TEST_F(StreamPumpTest, GoesOnWhenWoken) {
  Subscribe();
  script_.asked_in_vain.Wait();
  auto waker = pump_->Waker();
  script_.Add("one");
  waker();
  EXPECT_EQ(Read(), "one");
  script_.Add("two");
  script_.End(absl::OkStatus());
  waker();
  EXPECT_EQ(Read(), "two");
  EXPECT_EQ(Read(), "");
  EXPECT_TRUE(reader_->Finish().ok());
  // After the end nobody is woken.
  waker();
}

TEST_F(StreamPumpTest, WaitsOnlyWhereItMay) {
  script_.SetMayBlock(true);
  Subscribe();
  script_.asked_in_vain.Wait();
  EXPECT_EQ(script_.thread(), "patient0");
  script_.Add("one");
  script_.SetMayBlock(false);
  pump_->Waker()();
  EXPECT_EQ(Read(), "one");
  script_.SetMayBlock(true);
  script_.Add("two");
  script_.End(absl::OkStatus());
  pump_->Waker()();
  EXPECT_EQ(Read(), "two");
  EXPECT_EQ(Read(), "");
  EXPECT_TRUE(reader_->Finish().ok());
  EXPECT_EQ(script_.thread(), "patient0");
}

TEST_F(StreamPumpTest, AWakeUpWhileTheSourceSaysNoIsNotLost) {
  script_.WhenEmpty([this] {
    script_.Add("late");
    script_.End(absl::OkStatus());
    // The wake-up has run by the time the source has answered.
    Flag woken;
    pump_->Waker()();
    worker_.Post([&woken] { woken.Set(); });
    woken.Wait();
  });
  begin_at_once_ = false;
  Subscribe();
  pump_->Begin(std::make_unique<ScriptSource>(&script_));
  EXPECT_EQ(Read(), "late");
  EXPECT_EQ(Read(), "");
  EXPECT_TRUE(reader_->Finish().ok());
}

TEST_F(StreamPumpTest, NoSourceEndsTheCall) {
  begin_at_once_ = false;
  Subscribe();
  pump_->Begin(MakeError(Reason::kInvalidPath, "bad pattern"));
  EXPECT_EQ(Read(), "");
  EXPECT_EQ(reader_->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  script_.dropped.Set();
}

TEST_F(StreamPumpTest, AClientThatGoesWhileIdleDropsTheSource) {
  Subscribe();
  script_.asked_in_vain.Wait();
  context_.TryCancel();
  script_.dropped.Wait();
  EXPECT_EQ(reader_->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(StreamPumpTest, AClientThatGoesWhileOpeningDropsTheSource) {
  begin_at_once_ = false;
  Subscribe();
  context_.TryCancel();
  EXPECT_EQ(reader_->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(open_streams_.WaitUntilNone(absl::Seconds(30)));
  pump_->Begin(std::make_unique<ScriptSource>(&script_));
  script_.dropped.Wait();
}

TEST_F(StreamPumpTest, AClientThatGoesWhileWritingDropsTheSource) {
  // More than flow control lets through while nobody reads.
  for (int i = 0; i < 100; ++i) script_.Add(std::string(1 << 20, 'x'));
  Subscribe();
  EXPECT_EQ(Read().size(), size_t{1} << 20);
  context_.TryCancel();
  script_.dropped.Wait();
}

TEST_F(StreamPumpTest, AReaderThatIsTooSlowIsTold) {
  for (int i = 0; i < 100; ++i) script_.Add(std::string(1 << 20, 'x'));
  Subscribe();
  // Nobody reads: some write stays under way, and time passes.
  while (!script_.dropped.is_set()) {
    clock_.Advance(absl::Seconds(61));
    open_streams_.CheckTime(clock_.Monotonic());
  }
  int messages = 0;
  while (!Read().empty()) ++messages;
  EXPECT_LT(messages, 100);
  const grpc::Status status = reader_->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(status.error_message(), "too slow");
}

TEST_F(StreamPumpTest, GoesOnWhenItsTimeHasCome) {
  script_.AddAt(clock_.Monotonic() + absl::Seconds(30), "late");
  Subscribe();
  script_.asked_in_vain.Wait();
  open_streams_.CheckTime(clock_.Monotonic());
  clock_.Advance(absl::Seconds(30));
  // It may not be idle yet.
  std::thread reader([this] { EXPECT_EQ(Read(), "late"); });
  while (!script_.due_asked.is_set()) {
    open_streams_.CheckTime(clock_.Monotonic());
  }
  reader.join();
  script_.End(absl::OkStatus());
  pump_->Waker()();
  EXPECT_EQ(Read(), "");
  EXPECT_TRUE(reader_->Finish().ok());
}

TEST_F(StreamPumpTest, IdleIsNotTooSlow) {
  script_.Add("one");
  Subscribe();
  script_.asked_in_vain.Wait();
  clock_.Advance(absl::Hours(1));
  open_streams_.CheckTime(clock_.Monotonic());
  // Idle is not slow.
  script_.Add("two");
  script_.End(absl::OkStatus());
  pump_->Waker()();
  EXPECT_EQ(Read(), "one");
  EXPECT_EQ(Read(), "two");
  EXPECT_EQ(Read(), "");
  EXPECT_TRUE(reader_->Finish().ok());
}

}  // namespace
}  // namespace restate
