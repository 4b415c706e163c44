// Bytes that no well-meaning client sends: no crash, the state untouched, and
// the server serves on.

#include <cstdint>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/raw_call.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

// All of StateService and EventService.
std::vector<std::string> Methods() {
  std::vector<std::string> methods;
  for (const auto* service :
       {v1::SetStateRequest::descriptor()->file()->service(0),
        v1::SubscribeRequest::descriptor()->file()->service(0)}) {
    for (int i = 0; i < service->method_count(); ++i) {
      methods.push_back("/" + service->full_name() + "/" +
                        service->method(i)->name());
    }
  }
  return methods;
}

// A field with a length, as it is on the wire.
std::string Field(int number, const std::string& bytes) {
  std::string field(1, static_cast<char>(number << 3 | 2));
  for (size_t length = bytes.size();; length >>= 7) {
    field.push_back(
        static_cast<char>(length >= 128 ? length % 128 + 128 : length));
    if (length < 128) break;
  }
  return field + bytes;
}

// A Value of `levels` lists in one another.
std::string NestedValue(int levels) {
  std::string value = "\x10\x01";
  for (int i = 0; i < levels; ++i) value = Field(7, Field(1, value));
  return value;
}

// Bytes that are no message of any type here.
std::vector<std::string> Malformed() {
  return {
      std::string("\x08\xff", 2),  // an unfinished number
      std::string("\x0a\x7f"
                  "ab",
                  4),                              // longer than it is
      std::string("\x0f\x00", 2),                  // wire type 7
      std::string("\x0c", 1),                      // the end of no group
      std::string("\x00\x01", 2),                  // field number 0
      std::string(11, '\xff'),                     // an endless tag
      std::string("\x0a\xff\xff\xff\xff\x0f", 6),  // 4 GiB long, it says
  };
}

struct Outcome {
  grpc::Status status;
  std::vector<std::string> responses;
};

class HostileInputTest : public StorageTest {
 protected:
  void SetUp() override {
    StorageTest::SetUp();
    client().Set("/kept", R"({"a": [1, 2], "b": {"c": "d"}})");
    state_ = *client().Get("/");
    revision_ = client().Revision();
  }

  Outcome Send(const std::string& method, const std::string& bytes) {
    RawCall call(Connect(server().address()), method);
    call.Write(bytes);
    call.WritesDone();
    Outcome outcome;
    std::string response;
    while (call.Read(&response)) outcome.responses.push_back(response);
    outcome.status = call.Finish();
    return outcome;
  }

  void ExpectUntouched() {
    ASSERT_TRUE(server().running());
    EXPECT_EQ(*client().Get("/"), state_);
    EXPECT_EQ(client().Revision(), revision_);
  }

 private:
  std::string state_;
  int64_t revision_ = 0;
};

TEST_P(HostileInputTest, MalformedProtobufIsRefusedByEveryMethod) {
  for (const std::string& method : Methods()) {
    // Its story is in tests/regression.
    if (method == "/restate.v1.StateService/Write") continue;
    for (const std::string& bytes : Malformed()) {
      const Outcome outcome = Send(method, bytes);
      EXPECT_FALSE(outcome.status.ok()) << method;
      EXPECT_TRUE(outcome.responses.empty()) << method;
    }
  }
  ExpectUntouched();
}

TEST_P(HostileInputTest, InvalidUtf8IsRefused) {
  const std::string bad_text = Field(1, "/a\xff\xfe");
  const std::string bad_segments = Field(2, "\xc0\xaf");
  const std::string value = Field(2, "\x10\x01");
  const std::string set = "/restate.v1.StateService/SetState";
  for (const std::string& request : {
           Field(1, bad_text) + value,
           Field(1, bad_segments) + value,
           // A string, and the key of a map.
           Field(1, Field(1, "/a")) + Field(2, Field(5, "\xed\xa0\x80")),
           Field(1, Field(1, "/a")) +
               Field(2, Field(8, Field(1, Field(1, "\xff") +
                                              Field(2, "\x10\x01")))),
       }) {
    EXPECT_FALSE(Send(set, request).status.ok());
  }
  EXPECT_FALSE(Send("/restate.v1.EventService/Subscribe", Field(1, bad_text))
                   .status.ok());
  ExpectUntouched();
}

TEST_P(HostileInputTest, NestingBeyondEveryLimitIsRefused) {
  const std::string path = Field(1, Field(1, "/a"));
  for (int levels : {31, 40, 100, 10'000}) {
    EXPECT_FALSE(Send("/restate.v1.StateService/SetState",
                      path + Field(2, NestedValue(levels)))
                     .status.ok())
        << levels;
  }
  ExpectUntouched();
}

TEST_P(HostileInputTest, HugeMessagesAreRefused) {
  v1::SetStateRequest request;
  request.mutable_path()->set_text("/huge");
  request.mutable_value()->set_bytes_value(std::string(17 << 20, 'x'));
  const auto reply = client().SetState(request);
  EXPECT_EQ(FailureOf(reply.status).code, "RESOURCE_EXHAUSTED");

  v1::WriteRequest write;
  auto* set = write.mutable_commit()->add_operations()->mutable_set();
  set->mutable_path()->set_text("/huge");
  set->mutable_value()->set_bytes_value(std::string(17 << 20, 'x'));
  EXPECT_EQ(FailureOf(Send("/restate.v1.StateService/Write",
                           write.SerializeAsString())
                          .status)
                .code,
            "RESOURCE_EXHAUSTED");
  ExpectUntouched();
}

TEST_P(HostileInputTest, UnknownMethodsAndFieldsDoNoHarm) {
  EXPECT_EQ(
      FailureOf(Send("/restate.v1.StateService/Nonsense", "").status).code,
      "UNIMPLEMENTED");
  EXPECT_EQ(FailureOf(Send("/nobody.Home/Call", "").status).code,
            "UNIMPLEMENTED");
  // A field that a later version may have.
  const Outcome outcome =
      Send("/restate.v1.StateService/GetState",
           Field(1, Field(1, "/kept/b/c")) + Field(15, "later"));
  EXPECT_TRUE(outcome.status.ok() ||
              FailureOf(outcome.status).code != "UNKNOWN");
  ExpectUntouched();
}

TEST_P(HostileInputTest, RandomBytesToTheReadingMethods) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;
  std::mt19937_64 random(seed);
  const std::string name = "/restate.v1.StateService/";
  for (int i = 0; i < 400; ++i) {
    std::string bytes(random() % 40, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    static const char* const kMethods[] = {"GetState", "BatchGetState",
                                           "ListChildren", "StreamState"};
    Send(name + kMethods[random() % 4], bytes);
  }
  ExpectUntouched();
}

TEST_P(HostileInputTest, ClientsThatVanishAtEveryPointOfACall) {
  const std::string get = Field(1, Field(1, "/kept"));
  for (const std::string& method : Methods()) {
    { RawCall nothing_sent(Connect(server().address()), method); }
    {
      // Only methods that leave the state alone when asked this.
      if (method.find("Set") != std::string::npos ||
          method.find("Delete") != std::string::npos ||
          method.find("Ping") != std::string::npos) {
        continue;
      }
      RawCall nothing_read(Connect(server().address()), method);
      nothing_read.Write(get);
    }
  }
  for (int i = 0; i < 20; ++i) {
    RawCall one_message_read(Connect(server().address()),
                             "/restate.v1.StateService/StreamState");
    one_message_read.Write("");
    one_message_read.WritesDone();
    std::string bytes;
    EXPECT_TRUE(one_message_read.Read(&bytes));
  }
  ExpectUntouched();
}

INSTANTIATE_OVER_STORAGES(HostileInputTest);

}  // namespace
}  // namespace restate::test
