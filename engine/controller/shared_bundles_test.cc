// Subscribers who share bundles of events are told what everybody is told. A
// failure shows its seed; RESTATE_SEED runs one again.

#include <algorithm>
#include <cstdint>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/controller/testing/subscription_fixture.h"
#include "engine/error/error.h"
#include "engine/tree/testing/random_tree.h"

namespace restate {
namespace {

SubscriptionSpec Sharing(SubscriptionSpec spec) {
  spec.takes_bundles = true;
  return spec;
}

class SharedBundlesTest : public SubscriptionTest {
 protected:
  using Streams = std::vector<std::unique_ptr<EventStream>>;

  Streams SubscribeMany(const std::string& pattern, size_t count,
                        size_t queue_bytes = 8 << 20) {
    Streams streams;
    for (size_t i = 0; i < count; ++i) {
      streams.push_back(Subscribe(Sharing(Spec({pattern})), queue_bytes));
    }
    for (const std::unique_ptr<EventStream>& stream : streams) {
      TakeBatches(*stream);
    }
    return streams;
  }
  // Several commits that are published together.
  void DoTogether(std::vector<std::vector<Operation>> commits) {
    std::vector<std::promise<absl::Status>> answers(commits.size());
    std::promise<void> busy, go_on;
    ASSERT_TRUE(controller_
                    ->AtBoundary([&busy, go = go_on.get_future().share()] {
                      busy.set_value();
                      go.wait();
                    })
                    .ok());
    busy.get_future().wait();
    for (size_t i = 0; i < commits.size(); ++i) {
      CommitRequest request;
      request.operations = std::move(commits[i]);
      controller_->Commit(std::move(request),
                          [&, i](absl::StatusOr<CommitResult> result) {
                            answers[i].set_value(result.status());
                          });
    }
    go_on.set_value();
    for (std::promise<absl::Status>& answer : answers) {
      EXPECT_EQ(answer.get_future().get(), absl::OkStatus());
    }
  }
  static Lines LinesOf(const EventBatch& batch) {
    Lines lines;
    for (const Event& event : batch.AllEvents()) lines.push_back(Line(event));
    return lines;
  }
};

TEST_F(SharedBundlesTest, TheSameOneForAllWhoListenToOnePattern) {
  const Streams streams = SubscribeMany("/a", 4);
  const auto alone = Subscribe(Spec({"/a"}));
  const auto two = Subscribe(Sharing(Spec({"/a", "/b"})));
  DoTogether({{SetOf("/a/x", I(1)), SetOf("/a/y", I(2))},
              {SetOf("/b", I(3))},
              {SetOf("/a/x", I(4))}});
  const EventBundle* shared = nullptr;
  for (const std::unique_ptr<EventStream>& stream : streams) {
    const std::vector<EventBatch> batches = TakeBatches(*stream);
    ASSERT_EQ(batches.size(), 1u);
    ASSERT_EQ(batches[0].bundles.size(), 1u);
    EXPECT_TRUE(batches[0].events.empty());
    EXPECT_EQ(batches[0].revision, 3);
    if (shared == nullptr) shared = batches[0].bundles[0].get();
    EXPECT_EQ(batches[0].bundles[0].get(), shared);
    EXPECT_EQ(LinesOf(batches[0]),
              (Lines{"1.0 SET /a/x at /a (/a): - -> 1",
                     "1.1 SET /a/y at /a (/a): - -> 2",
                     "3.0 SET /a/x at /a (/a): 1 -> 4"}));
  }
  // Who did not ask for bundles, and who listens to more.
  for (EventStream* stream : {alone.get(), two.get()}) {
    for (const EventBatch& batch : TakeBatches(*stream)) {
      EXPECT_TRUE(batch.bundles.empty());
    }
  }
}

TEST_F(SharedBundlesTest, OneThatDoesNotFitIsTakenEventByEvent) {
  const Streams streams = SubscribeMany("/a", 4);
  DoTogether({{SetOf("/a/x", I(1)), SetOf("/a/y", I(2))},
              {SetOf("/a/x", I(4))}});
  DoTogether({{SetOf("/a/x", I(5))}});
  const std::vector<EventBatch> batches = TakeBatches(*streams[0], 2);
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(LinesOf(batches[0]), (Lines{"1.0 SET /a/x at /a (/a): - -> 1",
                                        "1.1 SET /a/y at /a (/a): - -> 2"}));
  EXPECT_EQ(batches[0].revision, 1);
  EXPECT_EQ(LinesOf(batches[1]), (Lines{"2.0 SET /a/x at /a (/a): 1 -> 4"}));
  EXPECT_EQ(batches[1].revision, 2);
  EXPECT_EQ(LinesOf(batches[2]), (Lines{"3.0 SET /a/x at /a (/a): 4 -> 5"}));
  EXPECT_EQ(batches[2].bundles.size(), 1u);
  EXPECT_EQ(batches[2].revision, 3);
  // Inside a revision: a token leads to the rest of it.
  const std::vector<EventBatch> single = TakeBatches(*streams[1], 1);
  ASSERT_EQ(single.size(), 4u);
  EXPECT_EQ(single[0].revision, 0);
  EXPECT_EQ(single[1].revision, 1);
  const auto resumed = Subscribe(
      Sharing(Spec({"/a"}, After(single[0].resume_token))));
  EXPECT_EQ(Drain(*resumed), (Lines{"1.1 SET /a/y at /a (/a): - -> 2",
                                    "2.0 SET /a/x at /a (/a): 1 -> 4",
                                    "3.0 SET /a/x at /a (/a): 4 -> 5"}));
}

TEST_F(SharedBundlesTest, WhoseQueueIsFullReadsTheHistory) {
  const Streams streams = SubscribeMany("/a", 4, 2'000);
  Lines expected;
  for (int64_t i = 1; i <= 100; ++i) {
    DoTogether({{SetOf("/a", I(i))}, {SetOf("/a", I(-i))}});
    if (i % 10 == 0) {
      // One that keeps up.
      const Lines lines = Drain(*streams[0]);
      expected.insert(expected.end(), lines.begin(), lines.end());
    }
  }
  EXPECT_EQ(expected.size(), 200u);
  for (size_t i = 1; i < streams.size(); ++i) {
    EXPECT_EQ(Drain(*streams[i]), expected);
  }
}

TEST_F(SharedBundlesTest, AsLongAsSomebodyInterceptsNothingIsShared) {
  const Streams streams = SubscribeMany("/", 4);
  SubscriptionSpec spec = Spec({"/a/b"});
  spec.intercepting = true;
  auto interceptor = Subscribe(std::move(spec));
  Set("/a/b", I(1));
  EXPECT_EQ(Drain(*streams[0]), Lines());
  const std::vector<std::string> tokens = TakeTokens(*interceptor);
  ASSERT_EQ(tokens.size(), 1u);
  // What comes when nobody does any more waits behind what is held.
  interceptor.reset();
  Settle();
  Set("/c", I(2));
  for (const std::unique_ptr<EventStream>& stream : streams) {
    EXPECT_EQ(Drain(*stream), (Lines{"1.0 SET /a/b at / (/): - -> 1",
                                     "2.0 SET /c at / (/): - -> 2"}));
  }
}

// Random commits, one or several at once, read in parcels of random sizes, with
// queues that overflow and streams that are cut and taken up again.
TEST_F(SharedBundlesTest, EverybodyIsToldTheSame) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  struct Reader {
    std::string pattern;
    size_t queue_bytes;
    std::unique_ptr<EventStream> stream;
    std::string token;
    Lines lines;
    Revision whole = 0;
  };
  std::vector<Reader> readers;
  std::vector<std::unique_ptr<EventStream>> references;
  const std::vector<std::string> patterns = {"/", "/a", "/*/b"};
  for (const std::string& pattern : patterns) {
    references.push_back(Subscribe(Spec({pattern}), size_t{256} << 20));
    for (size_t i = 0; i < 5; ++i) {
      Reader& reader = readers.emplace_back();
      reader.pattern = pattern;
      reader.queue_bytes = i == 0 ? size_t{64} << 20 : size_t{1500} << (2 * i);
      reader.stream =
          Subscribe(Sharing(Spec({pattern})), reader.queue_bytes);
    }
  }
  size_t bundles = 0;
  const auto read = [&](Reader& reader, size_t parcels, size_t max_events) {
    Parcel parcel;
    for (; parcels > 0; --parcels) {
      absl::StatusOr<bool> more = reader.stream->Take(
          1 << 20, max_events, clock_.Monotonic(), &parcel);
      ASSERT_TRUE(more.ok()) << more.status();
      if (!*more) return;
      size_t events = 0;
      for (const SubscriptionRun& run : parcel.runs) {
        ASSERT_FALSE(run.batch.resume_token.empty());
        reader.token = run.batch.resume_token;
        bundles += run.batch.bundles.size();
        for (const Event& event : run.batch.AllEvents()) {
          EXPECT_GT(event.emission().revision, reader.whole);
          reader.lines.push_back(Line(event));
          ++events;
        }
        reader.whole = std::max(reader.whole, run.batch.revision);
      }
      EXPECT_LE(events, max_events);
    }
  };
  int64_t value = 0;
  const auto operations = [&] {
    std::vector<Operation> all;
    // Some are larger than a bundle may be.
    const size_t count = random() % 40 == 0 ? 300 : 1 + random() % 6;
    for (size_t n = 0; n < count; ++n) {
      static const char* const kPaths[] = {"/a", "/a/b", "/a/c", "/d/b", "/e"};
      const std::string path = kPaths[random() % 5];
      switch (random() % 8) {
        case 0:
          all.push_back(DeleteOperation{.path = P(path)});
          break;
        case 1:
          all.push_back(PingOperation{.path = P(path)});
          break;
        case 2:
          all.push_back(SetOf(
              path, Value::String(std::string(random() % 3'000, 'x'))));
          break;
        default:
          all.push_back(SetOf(path, I(++value)));
      }
    }
    return all;
  };
  for (int i = 0; i < 300; ++i) {
    std::vector<std::vector<Operation>> commits;
    for (size_t n = 1 + random() % 8; n > 0; --n) {
      commits.push_back(operations());
    }
    DoTogether(std::move(commits));
    Reader& reader = readers[random() % readers.size()];
    read(reader, random() % 6, random() % 2 == 0 ? 1 + random() % 20 : 4096);
    if (random() % 12 == 0 && !reader.token.empty()) {
      reader.stream.reset();
      SubscriptionSpec spec =
          Spec({reader.pattern}, After(reader.token));
      reader.stream = Subscribe(Sharing(std::move(spec)), reader.queue_bytes);
    }
  }
  Settle();
  for (size_t i = 0; i < patterns.size(); ++i) {
    const Lines expected = Drain(*references[i]);
    EXPECT_GT(expected.size(), 1'000u);
    for (Reader& reader : readers) {
      if (reader.pattern != patterns[i]) continue;
      read(reader, SIZE_MAX, 4096);
      EXPECT_EQ(reader.lines.size(), expected.size());
      EXPECT_TRUE(reader.lines == expected) << reader.pattern;
    }
  }
  EXPECT_GT(bundles, 100u);
}

}  // namespace
}  // namespace restate
