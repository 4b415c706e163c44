// Derivations and tracking over the wire.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "restate/v1/derivation_service.grpc.pb.h"
#include "service/server/session_fixture.h"

namespace restate {
namespace {

using testing::ElementsAre;

class DerivationTest : public SessionTest {
 protected:
  void SetUp() override {
    SessionTest::SetUp();
    derivations_ = v1::DerivationService::NewStub(channel_);
  }

  template <typename Request, typename Answer>
  using Rpc = grpc::Status (v1::DerivationService::Stub::*)(
      grpc::ClientContext*, const Request&, Answer*);
  template <typename Request, typename Answer>
  grpc::Status Do(Rpc<Request, Answer> method, const Request& request,
                  Answer* answer) {
    grpc::ClientContext context;
    answer->Clear();
    return (derivations_.get()->*method)(&context, request, answer);
  }
  grpc::Status Derive(const v1::DeriveRequest& request,
                      v1::DeriveResponse* answer) {
    return Do(&v1::DerivationService::Stub::Derive, request, answer);
  }
  static v1::DeriveRequest Lua(const std::string& dest,
                               const std::string& source,
                               const std::string& function) {
    v1::DeriveRequest request;
    request.mutable_dest()->set_text(dest);
    request.add_sources()->set_text(source);
    request.mutable_lua()->add_parameters("x");
    request.mutable_lua()->set_source(function);
    return request;
  }
  std::string Text(const std::string& path, const std::string& run_id = "") {
    v1::GetStateRequest request;
    request.mutable_path()->set_text(path);
    request.set_run_id(run_id);
    v1::GetStateResponse response;
    EXPECT_TRUE(IsOk(Get(request, &response)));
    return response.value().json().string_value();
  }
  v1::BeginRunResponse Begin(const std::string& session,
                             const std::string& tracker) {
    v1::BeginRunRequest request;
    request.set_session_id(session);
    request.set_tracker_id(tracker);
    v1::BeginRunResponse response;
    EXPECT_TRUE(IsOk(
        Do(&v1::DerivationService::Stub::BeginRun, request, &response)));
    return response;
  }
  v1::EndRunResponse End(const std::string& run) {
    v1::EndRunRequest request;
    request.set_run_id(run);
    v1::EndRunResponse response;
    EXPECT_TRUE(
        IsOk(Do(&v1::DerivationService::Stub::EndRun, request, &response)));
    return response;
  }

  std::unique_ptr<v1::DerivationService::Stub> derivations_;
};

TEST_F(DerivationTest, DerivesListsAndRemoves) {
  Set("/a", "x");
  v1::DeriveResponse derived;
  ASSERT_TRUE(IsOk(Derive(Lua("/b", "/a", "x .. x"), &derived)));
  EXPECT_EQ(derived.status(), v1::DERIVATION_STATUS_OK);
  EXPECT_FALSE(derived.epoch().empty());
  EXPECT_EQ(Text("/b"), "xx");
  ASSERT_TRUE(IsOk(Derive(Lua("/c", "/b", "x .. '!'"), &derived)));
  ASSERT_TRUE(IsOk(Derive(Lua("/d/e", "/c", "error('no')"), &derived)));
  EXPECT_EQ(derived.status(), v1::DERIVATION_STATUS_ERROR);
  Set("/a", "y");
  EXPECT_EQ(Text("/c"), "yy!");

  v1::ListDerivationsRequest list;
  list.set_page_size(2);
  v1::ListDerivationsResponse page;
  ASSERT_TRUE(IsOk(
      Do(&v1::DerivationService::Stub::ListDerivations, list, &page)));
  ASSERT_EQ(page.derivations_size(), 2);
  EXPECT_EQ(page.derivations(0).definition().dest().text(), "/b");
  EXPECT_EQ(page.derivations(0).definition().lua().source(), "x .. x");
  EXPECT_EQ(page.derivations(0).runs(), 2);
  EXPECT_EQ(page.derivations(1).upstream(0).text(), "/b");
  list.set_page_token(page.next_page_token());
  ASSERT_TRUE(IsOk(
      Do(&v1::DerivationService::Stub::ListDerivations, list, &page)));
  ASSERT_EQ(page.derivations_size(), 1);
  EXPECT_EQ(page.derivations(0).definition().dest().text(), "/d/e");
  EXPECT_EQ(page.derivations(0).status(), v1::DERIVATION_STATUS_ERROR);
  EXPECT_THAT(page.derivations(0).message(), testing::HasSubstr("no"));
  EXPECT_EQ(page.next_page_token(), "");
  list.set_page_token("zz");
  ExpectError(
      Do(&v1::DerivationService::Stub::ListDerivations, list, &page),
      grpc::StatusCode::INVALID_ARGUMENT, "INVALID_REQUEST");

  v1::RemoveDerivationRequest remove;
  remove.mutable_dest()->set_text("/c");
  v1::RemoveDerivationResponse removed;
  ASSERT_TRUE(IsOk(Do(&v1::DerivationService::Stub::RemoveDerivation, remove,
                      &removed)));
  EXPECT_TRUE(removed.removed());
  EXPECT_EQ(Text("/c"), "");
  ExpectError(
      Do(&v1::DerivationService::Stub::RemoveDerivation, remove, &removed),
      grpc::StatusCode::NOT_FOUND, "DERIVATION_NOT_FOUND");
  remove.set_ignore_missing(true);
  ASSERT_TRUE(IsOk(Do(&v1::DerivationService::Stub::RemoveDerivation, remove,
                      &removed)));
  EXPECT_TRUE(removed.has_removed());
  EXPECT_FALSE(removed.removed());
}

TEST_F(DerivationTest, WhatIsWrongIsNamed) {
  v1::DeriveResponse derived;
  ExpectError(Derive(v1::DeriveRequest(), &derived),
              grpc::StatusCode::INVALID_ARGUMENT, "INVALID_REQUEST");
  ExpectError(Derive(Lua("/b", "/a", "("), &derived),
              grpc::StatusCode::INVALID_ARGUMENT, "LUA_SYNTAX");
  ExpectError(Derive(Lua("/b", "/b/c", "x"), &derived),
              grpc::StatusCode::FAILED_PRECONDITION, "CYCLE");
  Set("/b", "there");
  ExpectError(Derive(Lua("/b", "/a", "x"), &derived),
              grpc::StatusCode::FAILED_PRECONDITION, "DEST_NOT_EMPTY");
  v1::DeriveRequest hosted;
  hosted.mutable_dest()->set_text("/c");
  hosted.add_sources()->set_text("/a");
  hosted.mutable_hosted()->set_session_id("nobody");
  ExpectError(Derive(hosted, &derived), grpc::StatusCode::NOT_FOUND,
              "SESSION_LOST");
  v1::CompleteTransformRequest complete;
  complete.set_call_id("x");
  v1::CompleteTransformResponse completed;
  ExpectError(Do(&v1::DerivationService::Stub::CompleteTransform, complete,
                 &completed),
              grpc::StatusCode::NOT_FOUND, "CALL_NOT_FOUND");
}

TEST_F(DerivationTest, AHostIsCalled) {
  auto stream = Open("host");
  const int64_t written = Set("/a", "x");
  v1::DeriveRequest request;
  request.mutable_dest()->set_text("/b");
  request.add_sources()->set_text("/a");
  request.add_sources()->set_text("/absent");
  request.set_call_when_absent(true);
  request.mutable_hosted()->set_name("f");
  request.mutable_hosted()->set_session_id("host");
  v1::DeriveResponse derived;
  ASSERT_TRUE(IsOk(Derive(request, &derived)));
  EXPECT_EQ(derived.status(), v1::DERIVATION_STATUS_STALE);
  const v1::TransformCall call = stream->Read().transform_call();
  EXPECT_EQ(call.dest().text(), "/b");
  EXPECT_EQ(call.name(), "f");
  EXPECT_GE(call.revision(), written);
  ASSERT_EQ(call.sources_size(), 2);
  EXPECT_EQ(call.sources(0).value().string_value(), "x");
  EXPECT_FALSE(call.sources(1).has_value());
  v1::CompleteTransformRequest complete;
  complete.set_call_id(call.call_id());
  complete.mutable_value()->set_string_value("computed");
  v1::CompleteTransformResponse completed;
  ASSERT_TRUE(IsOk(Do(&v1::DerivationService::Stub::CompleteTransform,
                      complete, &completed)));
  EXPECT_EQ(Text("/b"), "computed");
  v1::ListDerivationsResponse page;
  ASSERT_TRUE(IsOk(Do(&v1::DerivationService::Stub::ListDerivations,
                      v1::ListDerivationsRequest(), &page)));
  ASSERT_EQ(page.derivations_size(), 1);
  EXPECT_THAT(page.derivations(0).hosts(), ElementsAre("host"));
  EXPECT_EQ(page.derivations(0).source_revision(), call.revision());
  // Nobody computes it any more.
  ASSERT_TRUE(IsOk(Close("host")));
  v1::SetStateRequest set;
  set.mutable_path()->set_text("/a");
  set.mutable_value()->set_string_value("y");
  set.set_wait(v1::WAIT_DERIVED);
  v1::SetStateResponse answer;
  grpc::ClientContext context;
  ASSERT_TRUE(IsOk(state_->SetState(&context, set, &answer)));
  ASSERT_EQ(answer.pending_size(), 1);
  EXPECT_EQ(answer.pending(0).dest().text(), "/b");
  EXPECT_EQ(answer.pending(0).why(), v1::PendingDestination::WHY_NO_HOST);
}

TEST_F(DerivationTest, ATrackerIsRunAgain) {
  auto stream = Open("s");
  const v1::BeginRunResponse run = Begin("s", "");
  EXPECT_EQ(Text("/a", run.run_id()), "");
  EXPECT_FALSE(End(run.run_id()).rerun());
  Set("/a", "1");
  EXPECT_EQ(stream->Read().tracker_run().tracker_id(), run.tracker_id());
  const v1::BeginRunResponse again = Begin("s", run.tracker_id());
  EXPECT_EQ(again.tracker_id(), run.tracker_id());
  EXPECT_EQ(Text("/a", again.run_id()), "1");
  Set("/a", "2");
  EXPECT_EQ(stream->Read().tracker_run().tracker_id(), run.tracker_id());
  EXPECT_TRUE(End(again.run_id()).rerun());

  v1::GetStateRequest late;
  late.set_run_id(run.run_id());
  v1::GetStateResponse response;
  ExpectError(Get(late, &response), grpc::StatusCode::NOT_FOUND,
              "RUN_NOT_FOUND");
  v1::StopTrackerRequest stop;
  stop.set_session_id("s");
  stop.set_tracker_id(run.tracker_id());
  v1::StopTrackerResponse stopped;
  ASSERT_TRUE(IsOk(
      Do(&v1::DerivationService::Stub::StopTracker, stop, &stopped)));
  EXPECT_TRUE(stopped.stopped());
  ExpectError(Do(&v1::DerivationService::Stub::StopTracker, stop, &stopped),
              grpc::StatusCode::NOT_FOUND, "TRACKER_NOT_FOUND");
  stop.set_session_id("none");
  ExpectError(Do(&v1::DerivationService::Stub::StopTracker, stop, &stopped),
              grpc::StatusCode::NOT_FOUND, "SESSION_LOST");
}

}  // namespace
}  // namespace restate
