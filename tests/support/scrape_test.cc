#include "tests/support/scrape.h"

#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace restate::test {
namespace {

constexpr char kCounter[] = "# HELP a_total A.\n# TYPE a_total counter\n";
constexpr char kHistogram[] = "# HELP h H.\n# TYPE h histogram\n";

std::string Why(const std::string& text) {
  return std::string(Scrape::Parse(text).status().message());
}

TEST(ScrapeTest, ReadsSamples) {
  const auto scrape = Scrape::Parse(
      "# HELP a_total A.\n# TYPE a_total counter\n"
      "a_total 3\na_total{x=\"1\",y=\"q\\\"\\\\\\n,}\"} 1.5e3\n"
      "# HELP h H.\n# TYPE h histogram\n"
      "h_count 2\nh_sum 7\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\n");
  ASSERT_TRUE(scrape.ok()) << scrape.status();
  EXPECT_EQ(scrape->Value("a_total"), 3);
  EXPECT_EQ(scrape->Value("a_total", {{"x", "1"}, {"y", "q\"\\\n,}"}}), 1500);
  EXPECT_EQ(scrape->Value("a_total", {{"x", "1"}}), std::nullopt);
  EXPECT_EQ(scrape->Value("h_bucket", {{"le", "+Inf"}}), 2);
  EXPECT_EQ(scrape->TypeOf("h"), "histogram");
  EXPECT_EQ(scrape->TypeOf("b"), "");
}

TEST(ScrapeTest, RefusesWhatIsNoExposition) {
  const std::string a = kCounter;
  const std::string h = kHistogram;
  EXPECT_EQ(Why("a_total 1\n"), "line 1: a_total is not in the family ");
  EXPECT_EQ(Why(a + "b_total 1\n"),
            "line 3: b_total is not in the family a_total");
  EXPECT_EQ(Why(a + "a_total 1"), "line 0: no end of line");
  EXPECT_EQ(Why(a + "a_total x\n"), "line 3: no number");
  EXPECT_EQ(Why(a + "a_total -1\n"), "line 3: a counter below 0");
  EXPECT_EQ(Why(a + "a_total 1\na_total 2\n"), "line 4: the same sample twice");
  EXPECT_EQ(Why(a + "a_total{x=1} 1\n"), "line 3: no label");
  EXPECT_EQ(Why(a + "a_total{x=\"1\"1\n"), "line 3: no label");
  EXPECT_EQ(Why(a + "a_total{x=\"\\t\"} 1\n"), "line 3: an unknown escape");
  EXPECT_EQ(Why(a + a), "line 3: a second HELP");
  EXPECT_EQ(Why("# HELP a A.\n# TYPE a counter\n"),
            "line 2: a counter that does not end with _total");
  EXPECT_EQ(Why("# HELP a \n"), "line 1: no help");
  EXPECT_EQ(Why(h + "h_count 2\nh_sum 7\nh_bucket{le=\"1\"} 2\n"),
            "line 6: h: no +Inf");
  EXPECT_EQ(Why(h + "h_count 2\nh_sum 7\nh_bucket{le=\"1\"} 3\n"
                    "h_bucket{le=\"+Inf\"} 2\n"),
            "line 7: h: buckets descend");
  EXPECT_EQ(Why(h + "h_count 3\nh_sum 7\nh_bucket{le=\"+Inf\"} 2\n"),
            "line 6: h: the count is another than that of +Inf");
}

}  // namespace
}  // namespace restate::test
