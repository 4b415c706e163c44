// Every way to read, over the wire, in a tracked run.

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "restate/v1/derivation_service.grpc.pb.h"
#include "service/server/session_fixture.h"

namespace restate {
namespace {

class TrackedReadsTest : public SessionTest {
 protected:
  void SetUp() override {
    SessionTest::SetUp();
    derivations_ = v1::DerivationService::NewStub(channel_);
    stream_ = Open("s");
  }

  std::string Begin(const std::string& tracker) {
    v1::BeginRunRequest request;
    request.set_session_id("s");
    request.set_tracker_id(tracker);
    v1::BeginRunResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(IsOk(derivations_->BeginRun(&context, request, &response)));
    return response.run_id();
  }
  bool End(const std::string& run) {
    v1::EndRunRequest request;
    request.set_run_id(run);
    v1::EndRunResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(IsOk(derivations_->EndRun(&context, request, &response)));
    return response.rerun();
  }
  grpc::Status List(const std::string& path, const std::string& run,
                    v1::ListChildrenResponse* response,
                    const std::string& page_token = "") {
    v1::ListChildrenRequest request;
    request.mutable_path()->set_text(path);
    request.set_run_id(run);
    request.set_page_size(1);
    request.set_page_token(page_token);
    grpc::ClientContext context;
    response->Clear();
    return state_->ListChildren(&context, request, response);
  }
  grpc::Status Stream(const std::string& path, const std::string& run,
                      v1::View view = v1::VIEW_ALL) {
    v1::StreamStateRequest request;
    request.mutable_path()->set_text(path);
    request.set_run_id(run);
    request.set_view(view);
    grpc::ClientContext context;
    auto reader = state_->StreamState(&context, request);
    v1::StreamStateResponse response;
    while (reader->Read(&response)) {
    }
    return reader->Finish();
  }
  std::string NextRun() { return stream_->Read().tracker_run().tracker_id(); }

  std::unique_ptr<v1::DerivationService::Stub> derivations_;
  std::unique_ptr<SessionReader> stream_;
};

TEST_F(TrackedReadsTest, AListingDependsOnWhatItShowed) {
  Set("/a/b", "1");
  Set("/a/c", "1");
  const std::string run = Begin("t");
  v1::ListChildrenResponse page;
  ASSERT_TRUE(IsOk(List("/a", run, &page)));
  ASSERT_TRUE(IsOk(List("/a", run, &page, page.next_page_token())));
  EXPECT_EQ(page.children(0).name(), "c");
  EXPECT_FALSE(End(run));
  // The values of what is listed do not show.
  Set("/a/b", "2");
  Set("/a/d", "1");
  EXPECT_EQ(NextRun(), "t");
  const std::string again = Begin("t");
  EXPECT_FALSE(End(again));
  ExpectError(List("/a", again, &page), grpc::StatusCode::NOT_FOUND,
              "RUN_NOT_FOUND");
}

TEST_F(TrackedReadsTest, AStreamDependsOnTheSubtreeInItsView) {
  Set("/a/b", "1");
  const std::string all = Begin("all");
  ASSERT_TRUE(IsOk(Stream("/a", all)));
  EXPECT_FALSE(End(all));
  const std::string own = Begin("own");
  ASSERT_TRUE(IsOk(Stream("/a", own, v1::VIEW_OWN_VALUE)));
  EXPECT_FALSE(End(own));
  Set("/a/b", "2");
  EXPECT_EQ(NextRun(), "all");
  Set("/a", "3");
  EXPECT_EQ(NextRun(), "own");
  ExpectError(Stream("/a", own), grpc::StatusCode::NOT_FOUND, "RUN_NOT_FOUND");
  ExpectError(Stream("/a", "", static_cast<v1::View>(77)),
              grpc::StatusCode::INVALID_ARGUMENT, "INVALID_REQUEST");
}

TEST_F(TrackedReadsTest, ABatchDependsOnEachOfItsPaths) {
  const std::string run = Begin("t");
  v1::BatchGetStateRequest request;
  request.add_paths()->set_text("/a");
  request.add_paths()->set_text("/b");
  request.set_run_id(run);
  v1::BatchGetStateResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(IsOk(state_->BatchGetState(&context, request, &response)));
  EXPECT_FALSE(End(run));
  Set("/b", "1");
  EXPECT_EQ(NextRun(), "t");
}

}  // namespace
}  // namespace restate
