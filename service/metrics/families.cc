#include "service/metrics/families.h"

#include <cstdint>
#include <limits>

namespace restate {

prometheus::ClientMetric& Families::Add(std::string_view name,
                                        std::string_view help,
                                        prometheus::MetricType type,
                                        const Labels& labels) {
  const auto [place, fresh] =
      places_.emplace(std::string(name), families_.size());
  if (fresh) {
    families_.push_back({std::string(name), std::string(help), type, {}});
  }
  prometheus::ClientMetric& metric =
      families_[place->second].metric.emplace_back();
  for (const auto& [label, value] : labels) {
    metric.label.push_back({std::string(label), value});
  }
  return metric;
}

void Families::Counter(std::string_view name, std::string_view help,
                       double value, const Labels& labels) {
  Add(name, help, prometheus::MetricType::Counter, labels).counter.value =
      value;
}

void Families::Gauge(std::string_view name, std::string_view help, double value,
                     const Labels& labels) {
  Add(name, help, prometheus::MetricType::Gauge, labels).gauge.value = value;
}

void Families::Histogram(std::string_view name, std::string_view help,
                         const HistogramReading& reading, double unit,
                         const Labels& labels) {
  prometheus::ClientMetric::Histogram& histogram =
      Add(name, help, prometheus::MetricType::Histogram, labels).histogram;
  uint64_t count = 0;
  for (size_t i = 0; i < reading.counts.size(); ++i) {
    count += reading.counts[i];
    histogram.bucket.push_back(
        {count, i < reading.bounds.size()
                    ? static_cast<double>(reading.bounds[i]) * unit
                    : std::numeric_limits<double>::infinity()});
  }
  histogram.sample_count = count;
  histogram.sample_sum = static_cast<double>(reading.sum) * unit;
}

}  // namespace restate
