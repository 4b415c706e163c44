#ifndef RESTATE_SERVICE_METRICS_FAMILIES_H_
#define RESTATE_SERVICE_METRICS_FAMILIES_H_

#include <prometheus/metric_family.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/measure/histogram.h"

namespace restate {

// Builds what one scrape shows: families of samples, in the order in which
// their names came first. Thread-compatible.
class Families {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string>>;

  // One sample each. Samples of one name must have the same type, and each its
  // own labels; the first one's help counts.
  void Counter(std::string_view name, std::string_view help, double value,
               const Labels& labels = {});
  void Gauge(std::string_view name, std::string_view help, double value,
             const Labels& labels = {});
  // `unit` is what 1 in the reading is: 1e-9 for nanoseconds shown as seconds.
  void Histogram(std::string_view name, std::string_view help,
                 const HistogramReading& reading, double unit,
                 const Labels& labels = {});

  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  prometheus::ClientMetric& Add(std::string_view name, std::string_view help,
                                prometheus::MetricType type,
                                const Labels& labels);

  std::vector<prometheus::MetricFamily> families_;
  absl::flat_hash_map<std::string, size_t> places_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_METRICS_FAMILIES_H_
