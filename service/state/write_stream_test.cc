#include "service/state/write_stream.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/client/client_id.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"
#include "restate/v1/state_service.grpc.pb.h"
#include "service/testing/held_commits.h"

namespace restate {
namespace {

using Stream =
    grpc::ClientReaderWriter<v1::WriteRequest, v1::WriteResponse>;

class WriteStreamTest : public testing::Test {
 protected:
  class Service final : public v1::StateService::WithRawCallbackMethod_Write<
                            v1::StateService::Service> {
   public:
    explicit Service(WriteStreamTest* test) : test_(test) {}
    grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Write(
        grpc::CallbackServerContext* context) override {
      return WriteStream::Open(&test_->parts_, ClientId());
    }

   private:
    WriteStreamTest* const test_;
  };

  void SetUp() override {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    stub_ = v1::StateService::NewStub(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                            grpc::InsecureChannelCredentials()));
    stream_ = stub_->Write(&context_);
  }

  void TearDown() override {
    // Every call is done by itself: nothing waits for the server to go.
    EXPECT_TRUE(open_streams_.WaitUntilNone(absl::Seconds(30)));
    server_->Shutdown(std::chrono::system_clock::now());
  }

  static v1::WriteRequest Ping(int64_t sequence, const std::string& path) {
    v1::WriteRequest request;
    request.set_sequence(sequence);
    request.mutable_commit()
        ->add_operations()
        ->mutable_ping()
        ->mutable_path()
        ->set_text(path);
    return request;
  }

  void Send(int64_t sequence) {
    ASSERT_TRUE(stream_->Write(Ping(sequence, "/a")));
  }

  // The next answer; sequence -1 at the end.
  v1::WriteResponse Read() {
    v1::WriteResponse response;
    if (!stream_->Read(&response)) response.set_sequence(-1);
    return response;
  }

  HeldCommits commits_;
  OpenStreams open_streams_;
  WorkThreads large_threads_{"restate-large", 1};
  const WriteStreamParts parts_{
      .commit =
          [this](CommitRequest request, CommitCallback done) {
            commits_.Take(std::move(request), std::move(done));
          },
      .epoch = "fake",
      .limits = RequestLimits(),
      .open_streams = &open_streams_,
      .large = &large_threads_};
  Service service_{this};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::StateService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<Stream> stream_;
};

TEST_F(WriteStreamTest, ReadsOnAndAnswersInTheOrderOfCompletion) {
  for (int64_t sequence : {10, 20, 30}) Send(sequence);
  commits_.WaitForCommits(3);
  commits_.Answer(1, HeldCommits::Changed(7));
  v1::WriteResponse response = Read();
  EXPECT_EQ(response.sequence(), 20);
  EXPECT_EQ(response.commit().revision(), 7);
  EXPECT_EQ(response.commit().epoch(), "fake");
  EXPECT_TRUE(response.commit().results(0).has_ping());
  commits_.Answer(2, HeldCommits::Changed(8));
  EXPECT_EQ(Read().sequence(), 30);
  commits_.Answer(0, HeldCommits::Changed(9));
  EXPECT_EQ(Read().sequence(), 10);
  stream_->WritesDone();
  EXPECT_EQ(Read().sequence(), -1);
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(WriteStreamTest, GivesCommitsInTheOrderSent) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(stream_->Write(Ping(i, "/" + std::to_string(i))));
  }
  commits_.WaitForCommits(100);
  for (int i = 0; i < 100; ++i) {
    const CommitRequest request = commits_.request(i);
    EXPECT_EQ(std::get<PingOperation>(request.operations[0]).path.ToText(),
              "/" + std::to_string(i));
    commits_.Answer(i, HeldCommits::Changed(i + 1));
  }
  stream_->WritesDone();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Read().sequence(), i);
  EXPECT_EQ(Read().sequence(), -1);
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(WriteStreamTest, AnswersEverythingAfterTheClientHasClosedItsSide) {
  for (int64_t sequence : {1, 2}) Send(sequence);
  stream_->WritesDone();
  commits_.WaitForCommits(2);
  commits_.Answer(0, HeldCommits::Changed(1));
  EXPECT_EQ(Read().sequence(), 1);
  commits_.Answer(1, HeldCommits::Changed(2));
  EXPECT_EQ(Read().sequence(), 2);
  EXPECT_EQ(Read().sequence(), -1);
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(WriteStreamTest, AStreamWithoutCommitsEndsWell) {
  stream_->WritesDone();
  EXPECT_EQ(Read().sequence(), -1);
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(WriteStreamTest, AFailedCommitIsAnAnswer) {
  Send(1);
  ASSERT_TRUE(stream_->Write(Ping(2, "/a/../b")));
  v1::WriteRequest empty;
  empty.set_sequence(3);
  ASSERT_TRUE(stream_->Write(empty));
  // Refused before they are queued: answered first.
  v1::WriteResponse response = Read();
  EXPECT_EQ(response.sequence(), 2);
  EXPECT_EQ(response.status().code(), grpc::StatusCode::INVALID_ARGUMENT);
  response = Read();
  EXPECT_EQ(response.sequence(), 3);
  EXPECT_EQ(response.status().code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(response.status().message(), "`commit` is not set");
  commits_.WaitForCommits(1);
  commits_.Answer(0, MakeError(Reason::kPreconditionFailed, "not so"));
  response = Read();
  EXPECT_EQ(response.sequence(), 1);
  EXPECT_EQ(response.status().code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(response.status().message(), "not so");
  stream_->WritesDone();
  EXPECT_EQ(Read().sequence(), -1);
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(WriteStreamTest, StopsReadingWhenTheWindowIsFull) {
  constexpr size_t kSent = 3 * kMaxUnansweredCommits;
  std::thread sender([this] {
    for (size_t i = 0; i < kSent; ++i) {
      ASSERT_TRUE(stream_->Write(Ping(static_cast<int64_t>(i), "/a")));
    }
    stream_->WritesDone();
  });
  size_t answered = 0;
  while (answered < kSent) {
    // Everything that may be taken is, and never more.
    const size_t taken = std::min(answered + kMaxUnansweredCommits, kSent);
    commits_.WaitForCommits(taken);
    EXPECT_EQ(commits_.count(), taken);
    commits_.Answer(answered, HeldCommits::Changed(1));
    EXPECT_EQ(Read().sequence(), static_cast<int64_t>(answered));
    ++answered;
  }
  sender.join();
  EXPECT_EQ(Read().sequence(), -1);
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(WriteStreamTest, StopsReadingWhenTheBytesAreMany) {
  v1::WriteRequest big = Ping(0, "/a");
  big.mutable_commit()
      ->mutable_operations(0)
      ->mutable_ping()
      ->mutable_payload()
      ->set_bytes_value(std::string(700'000, 'x'));
  const size_t window = kMaxUnansweredBytes / big.ByteSizeLong() + 1;
  std::thread sender([&] {
    for (size_t i = 0; i < window + 3; ++i) {
      big.set_sequence(static_cast<int64_t>(i));
      ASSERT_TRUE(stream_->Write(big));
    }
    stream_->WritesDone();
  });
  for (size_t i = 0; i < window + 3; ++i) {
    const size_t taken = std::min(i + window, window + 3);
    commits_.WaitForCommits(taken);
    EXPECT_EQ(commits_.count(), taken);
    commits_.Answer(i, HeldCommits::Changed(1));
    EXPECT_EQ(Read().sequence(), static_cast<int64_t>(i));
  }
  sender.join();
  EXPECT_EQ(Read().sequence(), -1);
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(WriteStreamTest, CommitsOfAClientThatHasGoneSimplyFinish) {
  for (int64_t sequence : {1, 2}) Send(sequence);
  commits_.WaitForCommits(2);
  context_.TryCancel();
  EXPECT_EQ(stream_->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(open_streams_.WaitUntilNone(absl::Seconds(30)));
  commits_.Answer(0, HeldCommits::Changed(1));
  commits_.Answer(1, MakeError(Reason::kOutcomeUnknown, "no disk"));
}

TEST_F(WriteStreamTest, AClientThatReadsNothingAndGoes) {
  std::thread sender([this] {
    for (int64_t i = 0; stream_->Write(Ping(i, "/a")); ++i) {
    }
  });
  // Answers at once until the answers fill every buffer up to the client, and
  // the window stays shut: then nothing is taken any more.
  std::atomic<bool> done = false;
  std::thread engine([this, &done] {
    size_t answered = 0;
    while (!done) {
      while (answered < commits_.count()) {
        commits_.Answer(answered++, HeldCommits::Changed(1));
      }
      std::this_thread::yield();
    }
  });
  commits_.WaitForCommits(kMaxUnansweredCommits);
  context_.TryCancel();
  sender.join();
  EXPECT_EQ(stream_->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(open_streams_.WaitUntilNone(absl::Seconds(30)));
  done = true;
  engine.join();
}

TEST_F(WriteStreamTest, DrainingAnswersWhatWasTakenAndEnds) {
  Send(1);
  commits_.WaitForCommits(1);
  open_streams_.Drain();
  commits_.Answer(0, HeldCommits::Changed(5));
  EXPECT_EQ(Read().sequence(), 1);
  EXPECT_EQ(Read().sequence(), -1);
  const grpc::Status status = stream_->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(WriteStreamTest, DrainingEndsAnIdleStreamAndThoseThatComeLater) {
  Send(1);
  commits_.WaitForCommits(1);
  commits_.Answer(0, HeldCommits::Changed(5));
  EXPECT_EQ(Read().sequence(), 1);
  open_streams_.Drain();
  EXPECT_EQ(Read().sequence(), -1);
  EXPECT_EQ(stream_->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);

  grpc::ClientContext context;
  auto late = stub_->Write(&context);
  v1::WriteResponse response;
  EXPECT_FALSE(late->Read(&response));
  EXPECT_EQ(late->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace restate
