#ifndef RESTATE_TESTS_SUPPORT_SCRAPE_H_
#define RESTATE_TESTS_SUPPORT_SCRAPE_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace restate::test {

// What a server answers to a GET.
struct HttpAnswer {
  int code = 0;
  std::string headers;
  std::string body;
};
// `address` is HOST:PORT of IPv4.
absl::StatusOr<HttpAnswer> HttpGet(const std::string& address,
                                   const std::string& path);

// The samples that a text in Prometheus' exposition format holds.
class Scrape {
 public:
  using Labels = std::map<std::string, std::string>;

  // INVALID_ARGUMENT naming the line and the rule that it breaks: a sample
  // without HELP and TYPE before it, a family that is not in one piece, a name,
  // label or number that is none, the same sample twice, a counter that does
  // not end with _total or is negative, a histogram whose buckets do not ascend
  // up to +Inf or do not agree with its count.
  static absl::StatusOr<Scrape> Parse(std::string_view text);
  // What is at http://ADDRESS/metrics now.
  static absl::StatusOr<Scrape> Of(const std::string& address);

  // Nothing if there is no such sample with exactly these labels.
  std::optional<double> Value(const std::string& name,
                              const Labels& labels = {}) const;
  // "counter", "gauge", "histogram", "summary"; empty if there is no such
  // family.
  std::string TypeOf(const std::string& name) const;

 private:
  friend class ScrapeParser;
  std::map<std::string, std::string> types_;
  std::map<std::string, std::map<Labels, double>> samples_;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_SCRAPE_H_
