#include "service/server/server.h"

#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "restate/v1/event_service.grpc.pb.h"
#include "restate/v1/state_service.grpc.pb.h"
#include "service/server/server_fixture.h"
#include "service/testing/fake_clock.h"

namespace restate {
namespace {

TEST_F(ServerTest, ASecondServerOnThePortIsAnError) {
  Config config;
  config.listen = server_->address();
  config.http_listen = kNoHttp;
  absl::Status status = Server::Start(*Complete(config), &clock_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(),
            "cannot listen on " + server_->address() +
                ": is another server there, or the host not this one?");
}

TEST_F(ServerTest, AMetricsPortInUseIsAnErrorThatSaysWhatToDo) {
  const std::string taken = server_->address();
  Config config;
  config.listen = "127.0.0.1:0";
  config.http_listen = taken;
  absl::Status status = Server::Start(*Complete(config), &clock_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(),
            "cannot serve metrics on " + taken +
                ": is another server there, or the host not this one, or none "
                "of IPv4? Give another --http-listen, or \"off\" to serve "
                "none");
}

TEST_F(ServerTest, MetricsThatNobodyAskedForDoNotKeepAServerFromStarting) {
  Config config;
  config.listen = "127.0.0.1:0";
  // It has the port, or somebody else does.
  auto first = Server::Start(*Complete(config), &clock_);
  ASSERT_TRUE(first.ok()) << first.status();
  auto other = Server::Start(*Complete(config), &clock_);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ((*other)->http_address(), "");
}

TEST_F(ServerTest, ThereAreMetricsOnlyWhereTheyAreAskedFor) {
  EXPECT_EQ(server_->http_address(), "");
  Config config;
  config.listen = "127.0.0.1:0";
  config.http_listen = "127.0.0.1:0";
  auto other = Server::Start(*Complete(config), &clock_);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_TRUE((*other)->http_address().starts_with("127.0.0.1:"));
  EXPECT_NE((*other)->http_address(), "127.0.0.1:0");
  EXPECT_TRUE((*other)->Stop().ok());
  EXPECT_EQ((*other)->http_address(), "");
}

TEST_F(ServerTest, TheRootReadsAsAnEmptyMap) {
  for (const v1::View view : {v1::VIEW_ALL, v1::VIEW_OWN_VALUE}) {
    v1::GetStateRequest request;
    request.set_view(view);
    request.set_encoding(v1::VALUE_ENCODING_TYPED);
    v1::GetStateResponse response;
    ASSERT_TRUE(IsOk(Get(request, &response)));
    EXPECT_TRUE(response.exists());
    EXPECT_TRUE(response.value().has_map_value());
    EXPECT_EQ(response.value().map_value().fields().size(), 0u);
  }
}

TEST_F(ServerTest, TheOwnValueView) {
  Set("/a", "own");
  Set("/a/b", "child");
  v1::GetStateRequest request;
  request.set_view(v1::VIEW_OWN_VALUE);
  request.mutable_path()->set_text("/a");
  v1::GetStateResponse response;
  ASSERT_TRUE(IsOk(Get(request, &response)));
  EXPECT_TRUE(response.exists());
  EXPECT_EQ(response.value().json().string_value(), "own");

  Set("/c/d", "child");
  request.mutable_path()->set_text("/c");
  request.mutable_default_value()->set_string_value("default");
  ASSERT_TRUE(IsOk(Get(request, &response)));
  EXPECT_FALSE(response.exists());
  EXPECT_EQ(response.value().json().string_value(), "default");
}

TEST_F(ServerTest, AReadThatIsTooLargeNamesTheWaysOut) {
  for (int i = 0; i < 20; ++i) {
    Set("/big/" + std::to_string(i), std::string(1'000'000, 'x'));
  }
  v1::GetStateRequest request;
  request.mutable_path()->set_text("/big");
  v1::GetStateResponse response;
  grpc::Status status = Get(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "READ_TOO_LARGE");
  EXPECT_EQ(status.error_message(),
            "what /big reads as is over 15728640 bytes: read it with `depth`, "
            "page through ListChildren, or use StreamState");

  grpc::ClientContext batch_context;
  v1::BatchGetStateRequest batch;
  v1::BatchGetStateResponse batch_response;
  for (int i = 0; i < 20; ++i) {
    batch.add_paths()->set_text("/big/" + std::to_string(i));
  }
  status = state_->BatchGetState(&batch_context, batch, &batch_response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "READ_TOO_LARGE");

  // In pieces it can be had.
  grpc::ClientContext stream_context;
  v1::StreamStateRequest stream_request;
  stream_request.mutable_path()->set_text("/big");
  auto reader = state_->StreamState(&stream_context, stream_request);
  v1::StreamStateResponse part;
  std::set<std::string> paths;
  std::set<int64_t> revisions;
  while (reader->Read(&part)) {
    EXPECT_LE(part.ByteSizeLong(), (size_t{1} << 20) + (size_t{256} << 10));
    for (const auto& entry : part.entries()) {
      paths.insert(entry.path().text());
      EXPECT_EQ(entry.value().json().string_value().size(), 1'000'000u);
    }
    revisions.insert(part.revision());
  }
  EXPECT_TRUE(IsOk(reader->Finish()));
  EXPECT_EQ(paths.size(), 20u);
  EXPECT_EQ(revisions, std::set<int64_t>{20});
}

TEST_F(ServerTest, StreamStateOfNothingIsOneMessage) {
  grpc::ClientContext context;
  v1::StreamStateRequest request;
  request.mutable_path()->set_text("/nothing");
  auto reader = state_->StreamState(&context, request);
  v1::StreamStateResponse part;
  ASSERT_TRUE(reader->Read(&part));
  EXPECT_EQ(part.entries_size(), 0);
  EXPECT_FALSE(part.epoch().empty());
  EXPECT_FALSE(reader->Read(&part));
  EXPECT_TRUE(IsOk(reader->Finish()));
}

TEST_F(ServerTest, AReaderOfStreamStateMayGoInTheMiddle) {
  for (int i = 0; i < 40; ++i) {
    Set("/big/" + std::to_string(i), std::string(1'000'000, 'x'));
  }
  for (int i = 0; i < 5; ++i) {
    grpc::ClientContext context;
    auto reader = state_->StreamState(&context, v1::StreamStateRequest());
    v1::StreamStateResponse part;
    ASSERT_TRUE(reader->Read(&part));
    context.TryCancel();
  }
  EXPECT_TRUE(server_->Stop().ok());
}

TEST_F(ServerTest, PagesShowOneRevisionAndExpire) {
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    Set(std::string("/list/") + name, "x");
  }
  v1::ListChildrenRequest request;
  request.mutable_path()->set_text("/list");
  request.set_page_size(2);
  v1::ListChildrenResponse page;
  ASSERT_TRUE(IsOk(List(request, &page)));
  ASSERT_EQ(page.children_size(), 2);
  EXPECT_EQ(page.revision(), 5);
  const std::string second = page.next_page_token();

  Set("/list/bb", "later");
  request.set_page_token(second);
  // Twice: a page may be asked for again.
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(IsOk(List(request, &page)));
    ASSERT_EQ(page.children_size(), 2);
    EXPECT_EQ(page.children(0).name(), "c");
    EXPECT_EQ(page.children(1).name(), "d");
    EXPECT_EQ(page.revision(), 5);
  }
  request.set_page_token(page.next_page_token());
  ASSERT_TRUE(IsOk(List(request, &page)));
  ASSERT_EQ(page.children_size(), 1);
  EXPECT_EQ(page.children(0).name(), "e");
  EXPECT_EQ(page.next_page_token(), "");

  request.mutable_path()->set_text("/other");
  grpc::Status status = List(request, &page);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "INVALID_REQUEST");

  request.mutable_path()->set_text("/list");
  request.set_min_revision(1);
  status = List(request, &page);
  EXPECT_EQ(ReasonOf(status), "INVALID_REQUEST");
  request.clear_min_revision();

  clock_.Advance(absl::Seconds(61));
  status = List(request, &page);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(ReasonOf(status), "SNAPSHOT_EXPIRED");
}

TEST_F(ServerTest, ARevisionThatWasNeverGivenOut) {
  v1::GetStateRequest request;
  request.set_min_revision(1'000);
  v1::GetStateResponse response;
  const grpc::Status status = Get(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(ReasonOf(status), "REVISION_IN_FUTURE");
}

TEST_F(ServerTest, ReadsFindWhatWasJustAnswered) {
  for (int i = 0; i < 100; ++i) {
    v1::GetStateRequest request;
    request.mutable_path()->set_text("/a");
    request.set_min_revision(Set("/a", std::to_string(i)));
    v1::GetStateResponse response;
    ASSERT_TRUE(IsOk(Get(request, &response)));
    EXPECT_EQ(response.value().json().string_value(), std::to_string(i));
  }
}

TEST_F(ServerTest, SubscribersComeAndGo) {
  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext context;
    v1::SubscribeRequest request;
    request.add_patterns()->set_text("/a");
    auto reader = events_->Subscribe(&context, request);
    v1::SubscribeResponse message;
    ASSERT_TRUE(reader->Read(&message));
    EXPECT_TRUE(message.batch().synced());
    const int64_t revision = Set("/a", std::to_string(i));
    ASSERT_TRUE(reader->Read(&message));
    EXPECT_EQ(message.batch().revision(), revision);
    context.TryCancel();
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
}

TEST_F(ServerTest, SubscribersThatGoBeforeTheyAreThere) {
  for (int i = 0; i < 50; ++i) {
    grpc::ClientContext context;
    v1::SubscribeRequest request;
    request.add_patterns()->set_text("/a");
    request.mutable_snapshot();
    auto reader = events_->Subscribe(&context, request);
    Set("/a", std::to_string(i));
    context.TryCancel();
  }
  EXPECT_TRUE(server_->Stop().ok());
}

TEST_F(ServerTest, ABadSubscriptionEndsAtOnce) {
  grpc::ClientContext context;
  auto reader = events_->Subscribe(&context, v1::SubscribeRequest());
  v1::SubscribeResponse message;
  EXPECT_FALSE(reader->Read(&message));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "INVALID_REQUEST");
}

TEST_F(ServerTest, StoppingEndsStreamsAfterWhatTheyHold) {
  grpc::ClientContext subscribe_context;
  v1::SubscribeRequest subscribe;
  subscribe.add_patterns()->set_text("/*");
  auto events = events_->Subscribe(&subscribe_context, subscribe);
  v1::SubscribeResponse message;
  ASSERT_TRUE(events->Read(&message));
  grpc::ClientContext write_context;
  auto writes = state_->Write(&write_context);
  v1::WriteRequest write;
  auto* const set = write.mutable_commit()->add_operations()->mutable_set();
  set->mutable_path()->set_text("/a");
  set->mutable_value()->set_int_value(1);
  ASSERT_TRUE(writes->Write(write));
  v1::WriteResponse answer;
  ASSERT_TRUE(writes->Read(&answer));
  EXPECT_EQ(answer.commit().revision(), 1);

  std::thread stopper([this] { EXPECT_TRUE(server_->Stop().ok()); });
  ASSERT_TRUE(events->Read(&message));
  EXPECT_EQ(message.batch().revision(), 1);
  EXPECT_FALSE(events->Read(&message));
  const grpc::Status events_end = events->Finish();
  EXPECT_EQ(events_end.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(events_end), "SHUTTING_DOWN");
  EXPECT_FALSE(writes->Read(&answer));
  const grpc::Status writes_end = writes->Finish();
  EXPECT_EQ(writes_end.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(writes_end), "SHUTTING_DOWN");
  stopper.join();
}

TEST(ServerOnDisk, StartsAgainWhereItStopped) {
  FakeClock clock;
  Config config;
  config.listen = "127.0.0.1:0";
  config.http_listen = kNoHttp;
  config.data_dir = testing::TempDir() + "/server_test/deep/data";
  config = *Complete(config);
  std::string epoch;
  for (int i = 0; i < 2; ++i) {
    auto server = Server::Start(config, &clock);
    ASSERT_TRUE(server.ok()) << server.status();
    auto state = v1::StateService::NewStub(grpc::CreateChannel(
        (*server)->address(), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    v1::SetStateRequest request;
    request.mutable_path()->set_text("/a");
    request.mutable_value()->set_int_value(1);
    v1::SetStateResponse response;
    ASSERT_TRUE(IsOk(state->SetState(&context, request, &response)));
    EXPECT_EQ(response.changed(), i == 0);
    if (i == 0) epoch = response.epoch();
    EXPECT_EQ(response.epoch(), epoch);
    EXPECT_TRUE((*server)->Stop().ok());
  }
  std::filesystem::remove_all(testing::TempDir() + "/server_test");
}

}  // namespace
}  // namespace restate
