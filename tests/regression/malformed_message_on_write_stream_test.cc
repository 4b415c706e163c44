// What was seen: a client sent three messages on a Write stream, the second of
// them bytes that are no WriteRequest. The stream ended with OK and one answer,
// as if the client had half-closed after the first: the third was dropped, and
// nothing told the client so.
//
// Why: gRPC parses the messages of a typed stream itself and reports one that
// it cannot parse to the reactor as it reports a half-close, OnReadDone(false).
//
// Here: the same three messages. The stream must not end well.

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/raw_call.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

class MalformedMessageOnWriteStreamTest : public ServerTest {
 protected:
  MalformedMessageOnWriteStreamTest() : ServerTest(Storage::kMemory) {}
};

std::string Request(int sequence) {
  v1::WriteRequest request;
  request.set_sequence(sequence);
  auto* set = request.mutable_commit()->add_operations()->mutable_set();
  set->mutable_path()->set_text("/n");
  set->mutable_value()->set_int_value(sequence);
  return request.SerializeAsString();
}

TEST_F(MalformedMessageOnWriteStreamTest, EndsTheStreamWithAnError) {
  RawCall stream(client().channel(), "/restate.v1.StateService/Write");
  ASSERT_TRUE(stream.Write(Request(1)));
  stream.Write(std::string(11, '\xff'));
  stream.Write(Request(3));
  stream.WritesDone();
  std::vector<int64_t> answered;
  std::string bytes;
  while (stream.Read(&bytes)) {
    v1::WriteResponse response;
    ASSERT_TRUE(response.ParseFromString(bytes));
    answered.push_back(response.sequence());
  }
  const Failure failure = FailureOf(stream.Finish());
  EXPECT_FALSE(failure.ok()) << "answers: " << answered.size();
  EXPECT_EQ(answered, std::vector<int64_t>{1});
  EXPECT_EQ(client().GetTyped("/n")->int_value(), 1);
}

}  // namespace
}  // namespace restate::test
