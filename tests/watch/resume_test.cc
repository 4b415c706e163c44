// Over the wire: streams cut at many places of large commits go on with exactly
// the rest, with interceptions in them, and after a restart of the server too.
// That every place does is shown in process (resume_positions_test); here are
// the places that a real stream is cut at, between two messages, and others that
// many small subscriptions give tokens for.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/server_test.h"
#include "tests/watch/recording.h"

namespace restate::test {
namespace {

using Texts = std::vector<std::string>;

constexpr int kOperations = 10'000;

v1::SubscribeRequest Request(const Texts& patterns) {
  v1::SubscribeRequest request;
  for (const std::string& pattern : patterns) {
    request.add_patterns()->set_text(pattern);
  }
  request.set_encoding(v1::VALUE_ENCODING_TYPED);
  return request;
}

const Texts& Patterns() {
  static const auto* patterns =
      new Texts{"/", "/t", "/t/*", "/t/*/n3", "/t/a1/*"};
  return *patterns;
}

void AddSet(v1::CommitRequest* commit, const std::string& path, int64_t value) {
  auto* const set = commit->add_operations()->mutable_set();
  set->mutable_path()->set_text(path);
  set->mutable_value()->set_int_value(value);
}

// Where two differ first; empty if nowhere.
std::string Difference(const Texts& is, const Texts& should) {
  for (size_t i = 0; i < std::max(is.size(), should.size()); ++i) {
    const std::string a = i < is.size() ? is[i] : "nothing";
    const std::string b = i < should.size() ? should[i] : "nothing";
    if (a != b) {
      return "event " + std::to_string(i) + " is " + a + " and not " + b;
    }
  }
  return "";
}

class ResumeTest : public ServerTest {
 protected:
  std::string Config() const override {
    return "limits:\n  acknowledge_timeout: 1h\n";
  }

  int64_t Commit(const v1::CommitRequest& commit) {
    const auto reply = client().Commit(commit);
    EXPECT_TRUE(reply.ok()) << FailureOf(reply.status);
    return reply.response.revision();
  }

  // 10,000 operations, among them a MERGE of 200 leaves and a SET of a map, with
  // all that changes below it.
  int64_t CommitAll() {
    v1::CommitRequest commit;
    for (int i = 0; commit.operations_size() < kOperations; ++i) {
      const std::string place =
          "/t/a" + std::to_string(i % 7) + "/n" + std::to_string(i * 31 % 11);
      if (i % 10 == 3) {
        commit.add_operations()->mutable_delete_()->mutable_path()->set_text(
            place);
      } else if (i % 10 == 5) {
        commit.add_operations()->mutable_ping()->mutable_path()->set_text(
            place);
      } else if (i % 1'000 == 7) {
        auto* const set = commit.add_operations()->mutable_set();
        set->mutable_path()->set_text("/t");
        auto& top = *set->mutable_value()->mutable_map_value();
        for (int g = 0; g < 7; ++g) {
          auto& group = *(*top.mutable_fields())["a" + std::to_string(g)]
                             .mutable_map_value();
          for (int n = 0; n < 11; ++n) {
            (*group.mutable_fields())["n" + std::to_string(n)].set_int_value(
                i + n);
          }
        }
        if (i % 2'000 == 7) set->set_mode(v1::WRITE_MODE_MERGE);
      } else {
        AddSet(&commit, place, i);
      }
    }
    return Commit(commit);
  }

  // All that is told after `token` (or after revision `after`) of revisions up to
  // `through`, as text. What comes later is the reset of /tmp at a start.
  Texts Rest(const Texts& patterns, const std::string& token, int64_t after,
             int64_t through) {
    v1::SubscribeRequest request = Request(patterns);
    if (token.empty()) {
      request.set_after_revision(after);
    } else {
      request.set_resume_token(token);
    }
    SubscriptionReader reader(Connect(server().address()), request);
    EXPECT_TRUE(reader.WaitForRevision(through))
        << FailureOf(reader.WaitForEnd());
    EXPECT_EQ(reader.Violations(), Texts());
    return Lines(reader.batches(), through);
  }

  static Texts Lines(const std::vector<v1::EventBatch>& batches,
                     int64_t through = INT64_MAX) {
    Texts lines;
    for (const v1::EventBatch& batch : batches) {
      for (const ModelEvent& event : ToldBatch::Of(batch).events) {
        if (event.revision <= through) lines.push_back(event.ToText());
      }
    }
    return lines;
  }

  // Cuts the stream behind up to `most` of its messages, evenly chosen.
  void CutBehindMessages(const std::vector<v1::EventBatch>& batches,
                         size_t most, int64_t through) {
    const Texts all = Lines(batches);
    size_t told = 0;
    const size_t every = std::max<size_t>(1, batches.size() / most);
    for (size_t i = 0; i < batches.size(); ++i) {
      told += static_cast<size_t>(batches[i].events_size());
      if (i % every != 0 && i + 1 != batches.size()) continue;
      ASSERT_EQ(Difference(
                    Rest(Patterns(), batches[i].resume_token(), 0, through),
                    Texts(all.begin() + static_cast<ptrdiff_t>(told),
                          all.end())),
                "")
          << "cut behind message " << i;
    }
  }
};

TEST_F(ResumeTest, CutBetweenMessages) {
  const auto live = Subscribe(Request(Patterns()));
  const int64_t through = CommitAll();
  ASSERT_TRUE(live->WaitForRevision(through));
  EXPECT_EQ(live->Violations(), Texts());
  const auto batches = live->batches();
  ASSERT_GT(Lines(batches).size(), 20'000u);
  // Only the last one is at the end of the revision.
  for (size_t i = 1; i + 1 < batches.size(); ++i) {
    ASSERT_EQ(batches[i].revision(), 0);
  }
  EXPECT_EQ(Difference(Rest(Patterns(), "", 0, through), Lines(batches)), "");
  CutBehindMessages(batches, 6, through);
  KillAndRestart();
  CutBehindMessages(batches, 2, through);
}

// Tokens from inside, by an interceptor that answers one operation after the
// other: each answer lets the stream above go on by a message.
TEST_F(ResumeTest, CutWhereAnInterceptorHeldItBack) {
  constexpr int kHeld = 60;
  v1::SubscribeRequest request = Request({"/t/*/n3"});
  request.set_intercepting(true);
  const auto interceptor = Subscribe(request);
  const auto live = Subscribe(Request(Patterns()));
  v1::CommitRequest commit;
  for (int i = 0; i < kHeld * 5; ++i) {
    AddSet(&commit,
           "/t/a" + std::to_string(i % 7) + "/n" + std::to_string(i % 5),
           i + 1);
  }
  const int64_t through = Commit(commit);
  const auto asked = interceptor->WaitForEvents(kHeld);
  ASSERT_EQ(asked.size(), static_cast<size_t>(kHeld));
  size_t stopped = 0;
  for (int i = 0; i < kHeld; ++i) {
    // What is told before this one is answered has been told.
    ASSERT_TRUE(live->WaitUntil([&](const std::vector<v1::Event>& events) {
      return !events.empty() &&
             events.back().index() == asked[i].index();
    }));
    v1::AcknowledgeRequest answer;
    answer.add_acknowledgements()->set_ack_token(asked[i].ack_token());
    answer.mutable_acknowledgements(0)->set_stop_bubbling(i % 3 == 0);
    stopped += i % 3 == 0 ? 1 : 0;
    const auto context = NewContext();
    v1::AcknowledgeResponse response;
    ASSERT_TRUE(client()
                    .events()
                    .Acknowledge(context.get(), answer, &response)
                    .ok());
    ASSERT_EQ(response.expired_tokens_size(), 0);
  }
  // Every operation is told at /t/*, /t and / but for those stopped.
  const auto of = [&](const std::vector<v1::Event>& events) {
    return static_cast<size_t>(
        std::count_if(events.begin(), events.end(), [](const v1::Event& event) {
          return event.current_path().text() == "/";
        }));
  };
  ASSERT_TRUE(live->WaitUntil([&](const std::vector<v1::Event>& events) {
    return of(events) == static_cast<size_t>(kHeld) * 5 - stopped;
  }));
  const auto batches = live->batches();
  ASSERT_GE(batches.size(), static_cast<size_t>(kHeld));
  CutBehindMessages(batches, 40, through);
  Restart();
  CutBehindMessages(batches, 10, through);
}

}  // namespace
}  // namespace restate::test
