// Subscribers that are cut off at random, against one that never is.

#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/controller/testing/subscription_fixture.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

// Random commits, and subscribers with tiny queues that read at random, in
// parcels of random size, and come back at random from their last token, while
// somebody stops some operations from bubbling: each has been told exactly what
// one that was never cut off was told.
TEST_F(SubscriptionTest, InterruptedEqualsUninterrupted) {
  for (unsigned seed = 0; seed < 16; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const auto path = [&] {
      std::string text;
      for (unsigned depth = 1 + random() % 3; depth > 0; --depth) {
        text += "/" + std::string(1, static_cast<char>('a' + random() % 3));
      }
      return text;
    };
    const std::vector<std::vector<std::string>> choices = {
        {"/"}, {"/a", "/a/*"}, {"/*/b", "/b"}, {"/", "/*/*", "/*/*/c"}};
    struct Reader {
      std::vector<std::string> patterns;
      std::unique_ptr<EventStream> reference;
      std::unique_ptr<EventStream> stream;
      std::string token;
      Lines lines;
    };
    std::vector<Reader> readers;
    for (const auto& patterns : choices) {
      Reader& reader = readers.emplace_back();
      reader.patterns = patterns;
      reader.reference = Subscribe(Spec(patterns), size_t{64} << 20);
      reader.stream = Subscribe(Spec(patterns), 1500);
    }
    const auto read = [&](Reader& reader, size_t parcels) {
      Parcel parcel;
      for (; parcels > 0; --parcels) {
        absl::StatusOr<bool> more = reader.stream->Take(
            1 << 20, 1 + random() % 5, clock_.Monotonic(), &parcel);
        ASSERT_TRUE(more.ok()) << more.status();
        if (!*more) return;
        for (const SubscriptionRun& run : parcel.runs) {
          ASSERT_FALSE(run.batch.resume_token.empty());
          reader.token = run.batch.resume_token;
          for (const Event& event : run.batch.events) {
            reader.lines.push_back(Line(event));
          }
        }
      }
    };
    std::unique_ptr<EventStream> interceptor;
    if (seed % 2 == 0) {
      SubscriptionSpec spec = Spec({"/*/b"});
      spec.intercepting = true;
      interceptor = Subscribe(std::move(spec));
    }
    const auto answer = [&] {
      if (interceptor == nullptr) return;
      for (const std::string& token : TakeTokens(*interceptor)) {
        EXPECT_EQ(Acknowledge(token, random() % 2 == 0), Lines());
      }
    };
    int64_t value = 0;
    for (int i = 0; i < 150; ++i) {
      std::vector<Operation> operations;
      for (unsigned n = 1 + random() % 4; n > 0; --n) {
        switch (random() % 6) {
          case 0:
            operations.push_back(DeleteOperation{.path = P(path())});
            break;
          case 1:
            operations.push_back(PingOperation{.path = P(path())});
            break;
          case 2:
            operations.push_back(
                SetOf(path(),
                      *tree::Replace(tree::Replace(std::nullopt, P("/b"),
                                                   I(value + 1)),
                                     P("/c"), I(value + 2))));
            value += 2;
            break;
          default:
            operations.push_back(SetOf(path(), I(++value)));
        }
      }
      Do(std::move(operations));
      if (random() % 5 == 0) answer();
      Reader& reader = readers[random() % readers.size()];
      if (random() % 4 == 0) read(reader, 1 + random() % 6);
      if (random() % 12 == 0 && !reader.token.empty()) {
        reader.stream.reset();
        reader.stream =
            Subscribe(Spec(reader.patterns, After(reader.token)), 1500);
      }
    }
    answer();
    Settle();
    for (Reader& reader : readers) {
      read(reader, SIZE_MAX);
      EXPECT_EQ(reader.lines, Drain(*reader.reference));
    }
  }
}

}  // namespace
}  // namespace restate
