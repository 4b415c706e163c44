// The pipelined Write stream: order, errors in the middle, half-close, and a
// client that vanishes.

#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

v1::WriteRequest SetRequest(int64_t sequence, const std::string& path,
                            int64_t number) {
  v1::WriteRequest request;
  request.set_sequence(sequence);
  auto* set = request.mutable_commit()->add_operations()->mutable_set();
  set->mutable_path()->set_text(path);
  set->mutable_value()->set_int_value(number);
  return request;
}

class WriteStreamTest : public StorageTest {};

TEST_P(WriteStreamTest, AnswersComeInOrderWhileTheClientGoesOnSending) {
  constexpr int kWrites = 2'000;
  const auto context = NewContext();
  const auto stream = client().state().Write(context.get());
  std::thread sender([&] {
    for (int i = 1; i <= kWrites; ++i) {
      stream->Write(SetRequest(i, "/n", i));
    }
    stream->WritesDone();
  });
  int64_t last_revision = 0;
  int answers = 0;
  v1::WriteResponse response;
  while (stream->Read(&response)) {
    ++answers;
    ASSERT_EQ(response.sequence(), answers);
    ASSERT_TRUE(response.has_commit()) << ToJson(response);
    ASSERT_TRUE(response.commit().changed());
    ASSERT_GT(response.commit().revision(), last_revision);
    last_revision = response.commit().revision();
  }
  sender.join();
  EXPECT_EQ(answers, kWrites);
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(client().GetTyped("/n")->int_value(), kWrites);
  EXPECT_EQ(client().Revision(), last_revision);
}

TEST_P(WriteStreamTest, AStreamIsHalfClosedBeforeItsAnswersAreRead) {
  constexpr int kWrites = 500;
  const auto context = NewContext();
  const auto stream = client().state().Write(context.get());
  for (int i = 1; i <= kWrites; ++i) {
    ASSERT_TRUE(stream->Write(SetRequest(i, "/n", i)));
  }
  ASSERT_TRUE(stream->WritesDone());
  v1::WriteResponse response;
  int answers = 0;
  while (stream->Read(&response)) {
    EXPECT_EQ(response.sequence(), ++answers);
  }
  EXPECT_EQ(answers, kWrites);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(WriteStreamTest, ErrorsInTheMiddleAreAnswersOfTheirOwn) {
  constexpr int kWrites = 300;
  const auto context = NewContext();
  const auto stream = client().state().Write(context.get());
  for (int i = 1; i <= kWrites; ++i) {
    v1::WriteRequest request = SetRequest(i, "/n", i);
    auto* set = request.mutable_commit()->mutable_operations(0)->mutable_set();
    switch (i % 3) {
      case 1:
        set->mutable_path()->set_text("/a/../b");
        break;
      case 2:
        request.mutable_commit()
            ->add_preconditions()
            ->mutable_exists()
            ->mutable_path()
            ->set_text("/none");
        break;
      default:
        break;
    }
    ASSERT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  // A request that cannot be read is answered before those that wait for the
  // disk; the numbers tell.
  std::set<int64_t> answered;
  v1::WriteResponse response;
  while (stream->Read(&response)) {
    EXPECT_TRUE(answered.insert(response.sequence()).second);
    switch (response.sequence() % 3) {
      case 1:
        EXPECT_EQ(CodeAndReason(response.status()),
                  "INVALID_ARGUMENT / INVALID_PATH");
        break;
      case 2:
        EXPECT_EQ(CodeAndReason(response.status()),
                  "ABORTED / PRECONDITION_FAILED");
        break;
      default:
        EXPECT_TRUE(response.commit().changed()) << ToJson(response);
    }
  }
  EXPECT_EQ(answered.size(), static_cast<size_t>(kWrites));
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(client().GetTyped("/n")->int_value(), kWrites);
}

TEST_P(WriteStreamTest, OfAClientThatVanishesAPrefixIsApplied) {
  constexpr int kWrites = 1'000;
  for (int round = 0; round < 5; ++round) {
    const std::string log_path = "/log" + std::to_string(round);
    {
      const auto vanishing = NewClient();
      const auto context = NewContext();
      const auto stream = vanishing->state().Write(context.get());
      for (int i = 1; i <= kWrites; ++i) {
        stream->Write(SetRequest(i, log_path + "/" + std::to_string(i), i));
      }
      v1::WriteResponse response;
      ASSERT_TRUE(stream->Read(&response));
      EXPECT_EQ(response.sequence(), 1);
      context->TryCancel();
    }
    // Whatever was taken before the cancellation is there, with nothing left
    // out in between.
    const auto log = client().GetTyped(log_path);
    ASSERT_TRUE(log.has_value());
    const auto& entries = log->map_value().fields();
    for (size_t i = 1; i <= entries.size(); ++i) {
      EXPECT_EQ(entries.count(std::to_string(i)), 1u) << i;
    }
  }
}

TEST_P(WriteStreamTest, StreamsSideBySideKeepTheirOwnOrder) {
  constexpr int kStreams = 4;
  constexpr int kWrites = 400;
  std::vector<std::thread> threads;
  for (int s = 0; s < kStreams; ++s) {
    threads.emplace_back([&, s] {
      const auto own = NewClient();
      const auto context = NewContext();
      const auto stream = own->state().Write(context.get());
      for (int i = 1; i <= kWrites; ++i) {
        v1::WriteRequest request = SetRequest(i, "/s/" + std::to_string(s), i);
        // Only right after the one before it.
        if (i > 1) {
          auto* equals =
              request.mutable_commit()->add_preconditions()->mutable_equals();
          equals->mutable_path()->set_text("/s/" + std::to_string(s));
          equals->mutable_value()->set_int_value(i - 1);
        }
        stream->Write(request);
      }
      stream->WritesDone();
      v1::WriteResponse response;
      while (stream->Read(&response)) {
        EXPECT_TRUE(response.has_commit()) << ToJson(response);
      }
      EXPECT_TRUE(stream->Finish().ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(*client().Get("/s"), R"({"0":400,"1":400,"2":400,"3":400})");
}

INSTANTIATE_OVER_STORAGES(WriteStreamTest);

}  // namespace
}  // namespace restate::test
