// Subscribers to whom nothing happens: what they are told nevertheless, and that
// they miss nothing when the server is started again.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

using Texts = std::vector<std::string>;

v1::SubscribeRequest RequestFor(const std::string& pattern) {
  v1::SubscribeRequest request;
  request.add_patterns()->set_text(pattern);
  request.mutable_heartbeat()->set_seconds(1);
  return request;
}

Texts Heard(const std::vector<v1::Event>& events) {
  Texts heard;
  for (const v1::Event& event : events) {
    heard.push_back(event.emitting_path().text() + "=" +
                    ToJson(event.new_value().json()));
  }
  return heard;
}

class IdleReaderTest : public ServerTest {
 protected:
  // One that heard of one write, and then of nothing while others were written,
  // and knows by its heartbeats how far it is.
  void BecomeIdle() {
    reader_ = Subscribe(RequestFor("/idle"));
    client().Set("/idle", "1");
    ASSERT_EQ(reader_->WaitForEvents(1).size(), 1u);
    for (int i = 0; i < 10; ++i) {
      client().Set("/busy/k" + std::to_string(i), "1");
    }
    last_ = client().Revision();
    ASSERT_TRUE(reader_->WaitForRevision(last_));
    token_ = reader_->token();
    ASSERT_NE(token_, "");
  }

  // The server is there again: the reader goes on from its token, and hears of
  // what was written before it came back, and after.
  void GoOn() {
    EXPECT_EQ(reader_->WaitForEnd().error_code(),
              grpc::StatusCode::UNAVAILABLE);
    EXPECT_EQ(reader_->Violations(), Texts());
    client().Set("/idle", "2");
    client().Set("/busy/k1", "2");
    v1::SubscribeRequest request = RequestFor("/idle");
    request.set_resume_token(token_);
    reader_ = Subscribe(request);
    EXPECT_EQ(Heard(reader_->WaitForEvents(1)), Texts{"/idle=2"});
    const int64_t last = client().Set("/idle", "3");
    EXPECT_EQ(Heard(reader_->WaitForEvents(2)),
              (Texts{"/idle=2", "/idle=3"}));
    EXPECT_EQ(reader_->events()[1].revision(), last);
    EXPECT_EQ(ToJson(reader_->events()[0].prev_value().json()), "1");
    EXPECT_EQ(reader_->Violations(), Texts());
  }

  std::unique_ptr<SubscriptionReader> reader_;
  std::string token_;
  int64_t last_ = 0;
};

TEST_F(IdleReaderTest, HeartbeatsTellHowFarItIs) {
  BecomeIdle();
  const std::vector<v1::EventBatch> before = reader_->batches();
  ASSERT_TRUE(reader_->WaitUntilBatches(
      [&](const std::vector<v1::EventBatch>& batches) {
        return batches.size() >= before.size() + 2;
      }));
  const std::vector<v1::EventBatch> batches = reader_->batches();
  for (size_t i = before.size(); i < batches.size(); ++i) {
    EXPECT_EQ(batches[i].events_size(), 0);
    EXPECT_EQ(batches[i].revision(), last_);
    EXPECT_NE(batches[i].resume_token(), "");
    EXPECT_EQ(batches[i].epoch(), client().Epoch());
    EXPECT_FALSE(batches[i].synced());
  }
  EXPECT_EQ(Heard(reader_->events()), Texts{"/idle=1"});
}

TEST_F(IdleReaderTest, AnIdleOneMissesNothingOverARestart) {
  BecomeIdle();
  Restart();
  GoOn();
}

TEST_F(IdleReaderTest, AnIdleOneMissesNothingOverAKill) {
  BecomeIdle();
  KillAndRestart();
  GoOn();
}

// From what it knew before the busy ones wrote, too.
TEST_F(IdleReaderTest, AnOldTokenIsAsGood) {
  reader_ = Subscribe(RequestFor("/idle"));
  token_ = reader_->token();
  ASSERT_NE(token_, "");
  for (int i = 0; i < 10; ++i) client().Set("/busy/k", std::to_string(i + 1));
  client().Set("/idle", "1");
  ASSERT_EQ(reader_->WaitForEvents(1).size(), 1u);
  KillAndRestart();
  v1::SubscribeRequest request = RequestFor("/idle");
  request.set_resume_token(token_);
  const auto resumed = Subscribe(request);
  EXPECT_EQ(Heard(resumed->events()), Texts{"/idle=1"});
  EXPECT_EQ(resumed->synced_revision(), client().Revision());
}

class MemoryIdleReaderTest : public ServerTest {
 protected:
  MemoryIdleReaderTest() : ServerTest(Storage::kMemory) {}
};

// Nothing is kept, and it is told so.
TEST_F(MemoryIdleReaderTest, ATokenOfAnotherEpochIsRefused) {
  client().Set("/idle", "1");
  const auto reader = Subscribe(RequestFor("/idle"));
  v1::SubscribeRequest request = RequestFor("/idle");
  request.set_resume_token(reader->token());
  Restart();
  SubscriptionReader resumed(Connect(server().address()), request);
  EXPECT_EQ(CodeAndReason(resumed.WaitForEnd()),
            "OUT_OF_RANGE / EPOCH_CHANGED");
}

}  // namespace
}  // namespace restate::test
