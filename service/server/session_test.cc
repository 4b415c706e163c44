// Sessions, from the outside: over a channel, with a clock that the test moves.

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "restate/v1/admin_service.grpc.pb.h"
#include "restate/v1/event_service.grpc.pb.h"
#include "restate/v1/state_service.grpc.pb.h"
#include "service/server/session_fixture.h"

namespace restate {
namespace {

using Response = v1::OpenSessionResponse;

TEST_F(SessionTest, FromOpenToClose) {
  const auto stream = Open("");
  const std::string session = stream->opened.session_id();
  EXPECT_NE(session, "");
  EXPECT_FALSE(stream->opened.resumed());
  EXPECT_EQ(stream->opened.grace().seconds(), 60);
  EXPECT_EQ(stream->opened.revision(), 0);
  EXPECT_NE(stream->opened.epoch(), "");

  const int64_t id = Listen(stream.get(), "callback", "/a");
  EXPECT_GT(id, 0);
  const int64_t revision = Set("/a/b", "x");
  const v1::EventBatch batch = stream->ReadBatch("callback");
  EXPECT_EQ(batch.revision(), revision);
  EXPECT_EQ(batch.epoch(), stream->opened.epoch());
  EXPECT_NE(batch.resume_token(), "");
  ASSERT_EQ(batch.events_size(), 1);
  EXPECT_EQ(batch.events(0).emitting_path().text(), "/a/b");
  EXPECT_EQ(batch.events(0).current_path().text(), "/a");
  EXPECT_EQ(batch.events(0).new_value().json().string_value(), "x");

  EXPECT_EQ(Status().sessions(), 1);
  EXPECT_EQ(Status().subscriptions(), 1);
  EXPECT_TRUE(IsOk(Close(session)));
  ExpectError(stream->End(), grpc::StatusCode::NOT_FOUND, "SESSION_LOST");
  EXPECT_EQ(Status().sessions(), 0);
  EXPECT_EQ(Status().subscriptions(), 0);
  ExpectError(Close(session), grpc::StatusCode::NOT_FOUND, "SESSION_LOST");
}

TEST_F(SessionTest, AMarkerComesBehindTheEvents) {
  const auto stream = Open("s");
  Listen(stream.get(), "c", "/a");
  const int64_t revision = Set("/a", "x");
  v1::SyncRequest request;
  request.set_session_id("s");
  request.set_revision(revision);
  v1::SyncResponse answer;
  ASSERT_TRUE(IsOk(Call(&v1::EventService::Stub::Sync, request, &answer)));
  EXPECT_EQ(stream->ReadBatch("c").events_size(), 1);
  const Response marker = stream->Read();
  EXPECT_EQ(marker.sync().sync_id(), answer.sync_id());
  EXPECT_EQ(marker.sync().revision(), revision);

  // Of the newest revision.
  request.clear_revision();
  ASSERT_TRUE(IsOk(Call(&v1::EventService::Stub::Sync, request, &answer)));
  EXPECT_EQ(stream->Read().sync().sync_id(), answer.sync_id());

  request.set_revision(1'000);
  ExpectError(Call(&v1::EventService::Stub::Sync, request, &answer),
              grpc::StatusCode::OUT_OF_RANGE, "REVISION_IN_FUTURE");
  request.set_revision(-1);
  ExpectError(Call(&v1::EventService::Stub::Sync, request, &answer),
              grpc::StatusCode::INVALID_ARGUMENT, "INVALID_REQUEST");
  request.set_revision(revision);
  request.set_epoch("another");
  ExpectError(Call(&v1::EventService::Stub::Sync, request, &answer),
              grpc::StatusCode::OUT_OF_RANGE, "EPOCH_CHANGED");
}

TEST_F(SessionTest, TakenUpAgainWithinItsGraceTime) {
  auto first = Open("s");
  Listen(first.get(), "c", "/a");
  first->context.TryCancel();
  EXPECT_EQ(first->reader->Finish().error_code(), grpc::StatusCode::CANCELLED);

  const auto second = Open("s", /*resume=*/true);
  EXPECT_TRUE(second->opened.resumed());
  const int64_t revision = Set("/a", "x");
  EXPECT_EQ(second->ReadBatch("c").revision(), revision);
}

TEST_F(SessionTest, LostAfterItsGraceTime) {
  auto stream = Open("s");
  Listen(stream.get(), "c", "/a");
  stream->context.TryCancel();
  EXPECT_EQ(stream->reader->Finish().error_code(),
            grpc::StatusCode::CANCELLED);
  while (Status().sessions() > 0) clock_.Advance(absl::Seconds(61));
  EXPECT_EQ(Status().subscriptions(), 0);
  ExpectError(TryOpen("s", /*resume=*/true)->End(),
              grpc::StatusCode::NOT_FOUND, "SESSION_LOST");
  // Without `resume` it is a new one.
  EXPECT_FALSE(Open("s")->opened.resumed());
}

TEST_F(SessionTest, AnotherStreamTakesItOver) {
  const auto first = Open("s");
  Listen(first.get(), "c", "/a");
  const auto second = Open("s");
  EXPECT_TRUE(second->opened.resumed());
  ExpectError(first->End(), grpc::StatusCode::ABORTED, "SESSION_TAKEN");
  Set("/a", "x");
  EXPECT_EQ(second->ReadBatch("c").events_size(), 1);
}

TEST_F(SessionTest, BadSessionIds) {
  ExpectError(TryOpen("white space")->End(),
              grpc::StatusCode::INVALID_ARGUMENT, "INVALID_REQUEST");
  ExpectError(TryOpen("", /*resume=*/true)->End(),
              grpc::StatusCode::INVALID_ARGUMENT, "INVALID_REQUEST");
}

TEST_F(SessionTest, AWriteBoundToASessionThatIsNotThere) {
  v1::SetStateRequest set;
  set.mutable_path()->set_text("/p");
  set.mutable_value()->set_int_value(1);
  set.set_session_id("gone");
  v1::SetStateResponse set_answer;
  grpc::ClientContext set_context;
  ExpectError(state_->SetState(&set_context, set, &set_answer),
              grpc::StatusCode::NOT_FOUND, "SESSION_LOST");

  v1::CommitRequest commit;
  commit.add_operations()->mutable_delete_()->mutable_path()->set_text("/p");
  v1::SetOperation* const operation =
      commit.add_operations()->mutable_set();
  *operation->mutable_path() = set.path();
  *operation->mutable_value() = set.value();
  operation->set_session_id("gone");
  v1::CommitResponse commit_answer;
  grpc::ClientContext commit_context;
  const grpc::Status status =
      state_->Commit(&commit_context, commit, &commit_answer);
  ExpectError(status, grpc::StatusCode::NOT_FOUND, "SESSION_LOST");

  const auto stream = Open("gone");
  grpc::ClientContext context;
  EXPECT_TRUE(IsOk(state_->SetState(&context, set, &set_answer)));
}

TEST_F(SessionTest, APathBoundToItGoesWithIt) {
  const auto watcher = Open("watcher");
  Listen(watcher.get(), "c", "/online/*");
  for (const bool in_transaction : {false, true}) {
    const auto stream = Open("s");
    v1::SetStateRequest set;
    set.mutable_path()->set_text("/online/s");
    set.mutable_value()->set_int_value(1);
    set.set_session_id("s");
    grpc::ClientContext context;
    if (in_transaction) {
      v1::CommitRequest commit;
      v1::SetOperation* const operation =
          commit.add_operations()->mutable_set();
      *operation->mutable_path() = set.path();
      *operation->mutable_value() = set.value();
      operation->set_session_id("s");
      v1::CommitResponse answer;
      ASSERT_TRUE(IsOk(state_->Commit(&context, commit, &answer)));
    } else {
      v1::SetStateResponse answer;
      ASSERT_TRUE(IsOk(state_->SetState(&context, set, &answer)));
    }
    EXPECT_EQ(watcher->ReadBatch("c").events(0).kind(), v1::EVENT_KIND_SET);
    ASSERT_TRUE(IsOk(Close("s")));
    const v1::EventBatch batch = watcher->ReadBatch("c");
    ASSERT_EQ(batch.events_size(), 1);
    EXPECT_EQ(batch.events(0).kind(), v1::EVENT_KIND_DELETE);
    EXPECT_EQ(batch.events(0).emitting_path().text(), "/online/s");
    EXPECT_EQ(batch.events(0).origin().kind(), v1::Origin::KIND_EXPIRED);
  }
}

TEST_F(SessionTest, AnIdleSubscriptionHasAHeartbeat) {
  grpc::ClientContext context;
  v1::SubscribeRequest request;
  request.add_patterns()->set_text("/a");
  request.mutable_heartbeat()->set_seconds(1);
  auto reader = events_->Subscribe(&context, request);
  v1::SubscribeResponse message;
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_TRUE(message.batch().synced());
  const int64_t revision = Set("/other", "x");
  clock_.Advance(absl::Seconds(2));
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_EQ(message.batch().events_size(), 0);
  EXPECT_FALSE(message.batch().synced());
  EXPECT_EQ(message.batch().revision(), revision);
  EXPECT_NE(message.batch().resume_token(), "");
}

TEST_F(SessionTest, StoppingEndsItAfterWhatItHolds) {
  const auto stream = Open("s");
  Listen(stream.get(), "c", "/a");
  Set("/a", "x");
  std::thread stopper([this] { EXPECT_TRUE(server_->Stop().ok()); });
  EXPECT_EQ(stream->ReadBatch("c").events_size(), 1);
  ExpectError(stream->End(), grpc::StatusCode::UNAVAILABLE, "SHUTTING_DOWN");
  stopper.join();
}

TEST_F(SessionTest, CompactingForgetsTheHistory) {
  Set("/a", "1");
  const int64_t second = Set("/a", "2");
  EXPECT_EQ(Status().history().oldest_revision(), 0);
  EXPECT_TRUE(Status().history().has_oldest_commit_time());
  EXPECT_GT(Status().history().bytes(), 0);
  EXPECT_EQ(Status().revision(), second);
  EXPECT_TRUE(Status().taking_writes());

  v1::CompactRequest request;
  v1::CompactResponse answer;
  const auto compact = [&] {
    grpc::ClientContext context;
    return admin_->Compact(&context, request, &answer);
  };
  ExpectError(compact(), grpc::StatusCode::INVALID_ARGUMENT,
              "INVALID_REQUEST");
  request.set_through_revision(1'000);
  ExpectError(compact(), grpc::StatusCode::OUT_OF_RANGE, "REVISION_IN_FUTURE");
  request.set_through_revision(second);
  request.set_epoch("another");
  ExpectError(compact(), grpc::StatusCode::OUT_OF_RANGE, "EPOCH_CHANGED");
  request.clear_epoch();
  ASSERT_TRUE(IsOk(compact()));
  EXPECT_EQ(answer.history().oldest_revision(), second);
  EXPECT_FALSE(answer.history().has_oldest_commit_time());

  grpc::ClientContext context;
  v1::SubscribeRequest subscribe;
  subscribe.add_patterns()->set_text("/a");
  subscribe.set_after_revision(1);
  auto reader = events_->Subscribe(&context, subscribe);
  v1::SubscribeResponse message;
  EXPECT_FALSE(reader->Read(&message));
  ExpectError(reader->Finish(), grpc::StatusCode::OUT_OF_RANGE,
              "HISTORY_COMPACTED");
}

}  // namespace
}  // namespace restate
