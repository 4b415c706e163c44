#include "service/metrics/call_counters.h"

#include <google/protobuf/descriptor.h>

#include <chrono>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "restate/v1/admin_service.pb.h"
#include "restate/v1/backend_service.pb.h"
#include "restate/v1/derivation_service.pb.h"
#include "restate/v1/event_service.pb.h"
#include "restate/v1/state_service.pb.h"

namespace restate {
namespace {

std::string Line(std::string_view service, std::string_view method,
                 bool unary) {
  return std::string(service) + "/" + std::string(method) +
         (unary ? "" : " (stream)");
}

// A method that is added to a service must be counted too.
TEST(CallCountersTest, KnowsEveryMethod) {
  std::vector<std::string> served;
  for (const auto* message :
       {v1::GetStateRequest::descriptor(), v1::SubscribeRequest::descriptor(),
        v1::DeriveRequest::descriptor(), v1::GetStatusRequest::descriptor(),
        v1::GetInfoRequest::descriptor()}) {
    const google::protobuf::ServiceDescriptor* const service =
        message->file()->service(0);
    for (int i = 0; i < service->method_count(); ++i) {
      const google::protobuf::MethodDescriptor* const method =
          service->method(i);
      served.push_back(
          Line(service->full_name(), method->name(),
               !method->client_streaming() && !method->server_streaming()));
    }
  }
  std::vector<std::string> counted;
  for (size_t i = 0; i < kRpcs; ++i) {
    const RpcName& name = NameOf(static_cast<Rpc>(i));
    counted.push_back(Line(name.service, name.method, name.unary));
  }
  EXPECT_EQ(counted, served);
  EXPECT_EQ(NameOf(Rpc::kSetState).method, "SetState");
  EXPECT_EQ(NameOf(Rpc::kApply).method, "Apply");
}

TEST(CallCountersTest, NamesCodes) {
  EXPECT_EQ(CodeName(0), "OK");
  EXPECT_EQ(CodeName(9), "FAILED_PRECONDITION");
  EXPECT_EQ(CodeName(16), "UNAUTHENTICATED");
}

TEST(CallCountersTest, CountsACallFromItsBeginningToItsEnd) {
  CallCounters counters;
  const MethodCounters& pings = counters.Of(Rpc::kPing);
  const CountedCall call(&counters, Rpc::kPing);
  EXPECT_EQ(pings.began.value(), 1u);
  EXPECT_EQ(pings.ended[0].value(), 0u);
  call.End(0, std::chrono::milliseconds(2));
  EXPECT_EQ(pings.ended[0].value(), 1u);
  EXPECT_EQ(pings.time.Read().sum, 2'000'000u);
  EXPECT_EQ(counters.Of(Rpc::kGetState).began.value(), 0u);

  CountedCall(&counters, Rpc::kPing).End(14);
  EXPECT_EQ(pings.ended[14].value(), 1u);
  // What is no canonical code is UNKNOWN.
  CountedCall(&counters, Rpc::kPing).End(99);
  EXPECT_EQ(pings.ended[2].value(), 1u);
  CountedCall().End(0);
  CountedCall(nullptr, Rpc::kPing).End(0);
  EXPECT_EQ(pings.ended[0].value(), 1u);
}

}  // namespace
}  // namespace restate
