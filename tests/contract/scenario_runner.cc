#include "tests/contract/scenario_runner.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "tests/support/json.h"
#include "tests/support/raw_call.h"

namespace restate::test {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::DescriptorPool;
using ::google::protobuf::Message;
using ::google::protobuf::MessageFactory;
using ::google::protobuf::MethodDescriptor;

// Every subscription also listens here, where no scenario writes.
constexpr char kFencePath[] = "/contract-fence";

const MethodDescriptor* FindMethod(const std::string& name) {
  for (const char* service :
       {"restate.v1.StateService.", "restate.v1.EventService."}) {
    const auto* method =
        DescriptorPool::generated_pool()->FindMethodByName(service + name);
    if (method != nullptr) return method;
  }
  return nullptr;
}

std::unique_ptr<Message> NewMessage(const Descriptor* type) {
  return std::unique_ptr<Message>(
      MessageFactory::generated_factory()->GetPrototype(type)->New());
}

// The answers of a call, and how it ended.
struct Outcome {
  grpc::Status status;
  std::vector<std::unique_ptr<Message>> responses;
};

Outcome Invoke(const std::shared_ptr<grpc::Channel>& channel,
               const MethodDescriptor& method,
               const std::vector<Json>& requests) {
  RawCall call(channel,
               "/" + method.service()->full_name() + "/" + method.name());
  for (const Json& json : requests) {
    const auto request = NewMessage(method.input_type());
    ParseJsonInto(PrintJson(json), request.get());
    if (!call.Write(request->SerializeAsString())) break;
  }
  call.WritesDone();
  Outcome outcome;
  std::string bytes;
  while (call.Read(&bytes)) {
    auto response = NewMessage(method.output_type());
    EXPECT_TRUE(response->ParseFromString(bytes));
    outcome.responses.push_back(std::move(response));
  }
  outcome.status = call.Finish();
  return outcome;
}

std::vector<Json> Items(const Json& list) {
  return {list.list_value().values().begin(), list.list_value().values().end()};
}

Json ListOf(const std::vector<Json>& items) {
  Json list;
  list.mutable_list_value();
  for (const Json& item : items)
    *list.mutable_list_value()->add_values() = item;
  return list;
}

bool Asks(const v1::SubscribeRequest& request, v1::EventKind kind) {
  return request.kinds().empty() ||
         std::count(request.kinds().begin(), request.kinds().end(), kind) > 0;
}

}  // namespace

void ScenarioRunner::Run(const Json& scenario) {
  variables_.clear();
  subscriptions_.clear();
  client_->Delete("/");
  const std::vector<Json> steps = Items(*Field(scenario, "steps"));
  for (size_t i = 0; i < steps.size(); ++i) {
    SCOPED_TRACE("scenario '" + TextField(scenario, "name") + "', step " +
                 std::to_string(i + 1) + ": " + PrintJson(steps[i]));
    RunStep(steps[i]);
    if (testing::Test::HasFailure()) return;
  }
  for (const auto& [name, subscription] : subscriptions_) {
    SCOPED_TRACE("scenario '" + TextField(scenario, "name") +
                 "', the end of subscription " + name);
    RunEvents(name, ListOf({}));
  }
  subscriptions_.clear();
}

void ScenarioRunner::RunStep(const Json& step) {
  if (Field(step, "call") != nullptr) {
    RunCall(step);
  } else if (Field(step, "subscribe") != nullptr) {
    RunSubscribe(step);
  } else if (Field(step, "events") != nullptr) {
    RunEvents(TextField(step, "events"), *Field(step, "expect"));
  } else if (Field(step, "unsubscribe") != nullptr) {
    subscriptions_.erase(TextField(step, "unsubscribe"));
  } else {
    FAIL() << "no such step";
  }
}

void ScenarioRunner::RunCall(const Json& step) {
  const MethodDescriptor* method = FindMethod(TextField(step, "call"));
  ASSERT_NE(method, nullptr) << "no such method";
  const Json* many = Field(step, "requests");
  const std::vector<Json> requests =
      many == nullptr
          ? std::vector<Json>{Substitute(*Field(step, "request"), variables_)}
          : Items(Substitute(*many, variables_));
  const Outcome outcome = Invoke(client_->channel(), *method, requests);
  const Failure failure = FailureOf(outcome.status);

  if (const Json* error = Field(step, "error")) {
    CheckFailure(*error, failure);
    return;
  }
  ASSERT_TRUE(failure.ok()) << failure;
  if (many != nullptr) {
    CheckAnswers(Items(*Field(step, "responses")), outcome.responses);
    return;
  }
  ASSERT_FALSE(outcome.responses.empty());
  Message* merged = outcome.responses[0].get();
  for (size_t i = 1; i < outcome.responses.size(); ++i) {
    merged->MergeFrom(*outcome.responses[i]);
  }
  const Json response = ParseJson(ToJson(*merged));
  if (const Json* expected = Field(step, "response")) {
    const auto difference = Mismatch(*expected, response, variables_);
    EXPECT_FALSE(difference.has_value())
        << *difference << "\nwhole answer: " << PrintJson(response);
  }
  Save(step, response);
}

void ScenarioRunner::CheckAnswers(
    const std::vector<Json>& expected,
    const std::vector<std::unique_ptr<Message>>& responses) {
  // Answers may overtake one another; their numbers tell whose they are.
  std::map<std::string, std::vector<const v1::WriteResponse*>> answers;
  for (const auto& response : responses) {
    const auto* answer = static_cast<const v1::WriteResponse*>(response.get());
    answers[std::to_string(answer->sequence())].push_back(answer);
  }
  ASSERT_EQ(responses.size(), expected.size());
  for (const Json& json : expected) {
    const std::string sequence = TextField(json, "sequence");
    auto& same = answers[sequence.empty() ? "0" : sequence];
    ASSERT_FALSE(same.empty()) << "no answer to " << PrintJson(json);
    const v1::WriteResponse& answer = *same.front();
    same.erase(same.begin());
    if (const Json* error = Field(json, "error")) {
      CheckFailure(*error, FailureOf(answer.status()));
      continue;
    }
    const auto difference =
        Mismatch(json, ParseJson(ToJson(answer)), variables_);
    EXPECT_FALSE(difference.has_value()) << *difference;
  }
}

void ScenarioRunner::Save(const Json& step, const Json& response) {
  const Json* save = Field(step, "save");
  if (save == nullptr) return;
  for (const auto& [variable, field] : save->struct_value().fields()) {
    ASSERT_NE(Field(response, field.string_value()), nullptr)
        << "nothing to save as " << variable;
    variables_[variable] = TextField(response, field.string_value());
  }
}

void ScenarioRunner::CheckFailure(const Json& expected,
                                  const Failure& failure) {
  EXPECT_EQ(TextField(expected, "code"), failure.code) << failure;
  if (Field(expected, "reason") != nullptr) {
    EXPECT_EQ(TextField(expected, "reason"), failure.reason) << failure;
  }
  EXPECT_EQ(failure.domain, "restate") << failure;
  const Json* parts = Field(expected, "message");
  if (parts == nullptr) return;
  for (const Json& part : Items(*parts)) {
    EXPECT_NE(failure.message.find(part.string_value()), std::string::npos)
        << "the message does not name '" << part.string_value()
        << "': " << failure;
  }
}

void ScenarioRunner::RunSubscribe(const Json& step) {
  Subscription subscription;
  ParseJsonInto(PrintJson(Substitute(*Field(step, "request"), variables_)),
                &subscription.request);
  v1::SubscribeRequest request = subscription.request;
  const Json* error = Field(step, "error");
  if (error == nullptr) request.add_patterns()->set_text(kFencePath);
  subscription.reader =
      std::make_unique<SubscriptionReader>(client_->channel(), request);
  if (error != nullptr) {
    CheckFailure(*error, FailureOf(subscription.reader->WaitForEnd()));
    EXPECT_TRUE(subscription.reader->events().empty());
    return;
  }
  ASSERT_TRUE(subscription.reader->WaitForSynced())
      << FailureOf(subscription.reader->WaitForEnd());
  subscriptions_[TextField(step, "subscribe")] = std::move(subscription);
}

void ScenarioRunner::RunEvents(const std::string& name, const Json& expected) {
  const auto found = subscriptions_.find(name);
  ASSERT_NE(found, subscriptions_.end()) << "no subscription " << name;
  const Json events = TakeEvents(&found->second);
  const auto difference = Mismatch(expected, events, variables_);
  if (difference.has_value()) {
    std::string all;
    for (const Json& event : Items(events)) all += "\n  " + PrintJson(event);
    ADD_FAILURE() << *difference << "\nall events:" << all;
  }
  EXPECT_EQ(found->second.reader->Violations(), std::vector<std::string>());
}

Json ScenarioRunner::TakeEvents(Subscription* subscription) {
  int64_t revision = 0;
  std::vector<v1::Event> events;
  if (EmitFence(subscription->request, &revision)) {
    const bool came =
        subscription->reader->WaitUntil([&](const std::vector<v1::Event>& all) {
          return !all.empty() && all.back().revision() >= revision;
        });
    EXPECT_TRUE(came) << FailureOf(subscription->reader->WaitForEnd());
  }
  events = subscription->reader->events();
  Json list;
  list.mutable_list_value();
  for (size_t i = subscription->seen; i < events.size(); ++i) {
    if (events[i].emitting_path().text() == kFencePath) continue;
    *list.mutable_list_value()->add_values() = ParseJson(ToJson(events[i]));
  }
  subscription->seen = events.size();
  return list;
}

bool ScenarioRunner::EmitFence(const v1::SubscribeRequest& request,
                               int64_t* revision) {
  v1::CommitRequest commit;
  if (Asks(request, v1::EVENT_KIND_PING)) {
    commit.add_operations()->mutable_ping()->mutable_path()->set_text(
        kFencePath);
  } else if (Asks(request, v1::EVENT_KIND_SET) ||
             Asks(request, v1::EVENT_KIND_DELETE)) {
    auto* set = commit.add_operations()->mutable_set();
    set->mutable_path()->set_text(kFencePath);
    set->mutable_value()->set_bool_value(true);
    commit.add_operations()->mutable_delete_()->mutable_path()->set_text(
        kFencePath);
  } else {
    return false;
  }
  const auto reply = client_->Commit(commit);
  EXPECT_TRUE(reply.ok()) << FailureOf(reply.status);
  *revision = reply.response.revision();
  return reply.ok();
}

}  // namespace restate::test
