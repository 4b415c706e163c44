// What was seen: somebody derived 21 functions that never end from a path that
// another client wrote, and that client's writes were refused (DERIVATION_BUDGET),
// every one, after a restart too. 1,500 of them held up the start of the server
// for 1,500 budgets.
//
// Why: all derivations that a commit ran had one budget, whoever had defined them,
// and the commit was refused past it. A start computed everything anew.
//
// Here: 1,500 functions that never end, of a client at 127.0.0.2, and one cheap
// derivation of another on the same source. Every write is taken, after each the
// cheap one is right, and no commit spends more than it may, over a kill and a
// restart too.
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/completion_queue.h"
#include "gtest/gtest.h"
#include "restate/v1/admin_service.grpc.pb.h"
#include "restate/v1/derivation_service.grpc.pb.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/forwarder.h"
#include "tests/support/scrape.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

constexpr int kRunaways = 1'500;
constexpr int kCommitInstructions = 200'000;
// No more than a trial, so that the test does not wait for the thread of long calls,
// which may have to wait for the processor.
constexpr int kCallInstructions = 20'000;

class RunawayDerivationsOfOthersTest : public ServerTest {
 protected:
  bool Metrics() const override { return true; }
  std::string Config() const override {
    return "limits:\n"
           "  derivation_instructions: " +
           std::to_string(kCallInstructions) +
           "\n"
           "  derivation_commit_instructions: " +
           std::to_string(kCommitInstructions) + "\n";
  }

  static v1::DeriveRequest Lua(const std::string& dest,
                               const std::string& source) {
    v1::DeriveRequest request;
    request.mutable_dest()->set_text(dest);
    request.add_sources()->set_text("/source");
    request.mutable_lua()->add_parameters("x");
    request.mutable_lua()->set_source(source);
    return request;
  }
  // All of them under way at once.
  static void DeriveRunaways(const std::string& address) {
    struct Call {
      grpc::ClientContext context;
      grpc::Status status;
      v1::DeriveResponse response;
      std::unique_ptr<grpc::ClientAsyncResponseReader<v1::DeriveResponse>>
          reader;
    };
    const auto stub = v1::DerivationService::NewStub(Connect(address));
    grpc::CompletionQueue queue;
    std::vector<std::unique_ptr<Call>> calls;
    for (int i = 0; i < kRunaways; ++i) {
      calls.push_back(std::make_unique<Call>());
      Call& call = *calls.back();
      call.reader = stub->AsyncDerive(
          &call.context,
          Lua("/runaway/" + std::to_string(i), "while true do end"), &queue);
      call.reader->Finish(&call.response, &call.status, &call);
    }
    for (int i = 0; i < kRunaways; ++i) {
      void* tag = nullptr;
      bool ok = false;
      ASSERT_TRUE(queue.Next(&tag, &ok));
      const grpc::Status& status = static_cast<Call*>(tag)->status;
      EXPECT_TRUE(status.ok()) << FailureOf(status);
    }
  }
  v1::DerivationInfo Info(const std::string& dest) {
    const auto stub = v1::DerivationService::NewStub(client().channel());
    v1::ListDerivationsRequest request;
    request.mutable_path()->set_text(dest);
    v1::ListDerivationsResponse response;
    const grpc::Status status =
        stub->ListDerivations(NewContext().get(), request, &response);
    EXPECT_TRUE(status.ok()) << FailureOf(status);
    EXPECT_EQ(response.derivations_size(), 1);
    return response.derivations(0);
  }
  double Metric(const std::string& name) {
    const auto scrape = Scrape::Of(server().http_address());
    EXPECT_TRUE(scrape.ok()) << scrape.status();
    return scrape->Value(name).value_or(-1);
  }
  void WriteAndCheck(int from, int to) {
    for (int i = from; i < to; ++i) {
      v1::SetStateRequest set;
      set.mutable_path()->set_text("/source");
      set.mutable_value()->set_int_value(i);
      const auto reply = client().SetState(set);
      ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
      ASSERT_EQ(client().Get("/cheap"), std::to_string(i + 1));
    }
    const v1::DerivationInfo cheap = Info("/cheap");
    EXPECT_EQ(cheap.status(), v1::DERIVATION_STATUS_OK);
    EXPECT_EQ(cheap.definer(), "ip:127.0.0.1");
    // The last call of a definer may use a step of 100 more than is his.
    EXPECT_LE(Metric("restate_derivation_most_spent_instructions"),
              kCommitInstructions + 2 * 1'000);
  }
};

TEST_F(RunawayDerivationsOfOthersTest, NobodyElsePaysForThem) {
  client().Set("/source", "0");
  const auto stub = v1::DerivationService::NewStub(client().channel());
  v1::DeriveResponse derived;
  ASSERT_TRUE(
      stub->Derive(NewContext().get(), Lua("/cheap", "x + 1"), &derived).ok());
  EXPECT_EQ(derived.status(), v1::DERIVATION_STATUS_OK);
  {
    const Forwarder other(server().address(), "127.0.0.2");
    DeriveRunaways(other.address());
  }
  EXPECT_EQ(Info("/runaway/0").definer(), "ip:127.0.0.2");
  WriteAndCheck(1, 15);

  KillAndRestart();
  EXPECT_EQ(client().Get("/cheap"), "15");
  WriteAndCheck(15, 25);

  Restart();
  EXPECT_EQ(client().Get("/cheap"), "25");
  WriteAndCheck(25, 30);
  // None of them is in the way of another.
  v1::GetStatusResponse status;
  do {
    ASSERT_TRUE(v1::AdminService::NewStub(client().channel())
                    ->GetStatus(NewContext().get(), v1::GetStatusRequest(),
                                &status)
                    .ok());
  } while (status.derivations().over_budget() > 0);
  EXPECT_EQ(status.derivations().ok(), 1);
  EXPECT_EQ(status.derivations().error(), kRunaways);
}

}  // namespace
}  // namespace restate::test
