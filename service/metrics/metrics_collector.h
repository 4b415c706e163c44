#ifndef RESTATE_SERVICE_METRICS_METRICS_COLLECTOR_H_
#define RESTATE_SERVICE_METRICS_METRICS_COLLECTOR_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "engine/clock/clock.h"
#include "engine/controller/measures.h"
#include "service/metrics/call_counters.h"
#include "service/metrics/families.h"

namespace restate {

// Adds the calls of every method; the time of those that were ever called.
void AddCallMetrics(const CallCounters& calls, Families* families);

// Collects everything there is to know of a server, each time that it is asked.
// Thread-safe.
class MetricsCollector final : public prometheus::Collectable {
 public:
  // What is pointed to outlives the collector.
  struct Sources {
    // Controller::Measure.
    std::function<Measures()> measure;
    const CallCounters* calls = nullptr;
    const Clock* clock = nullptr;
    std::string version;
    std::string epoch;
  };

  // The server counts as started now.
  explicit MetricsCollector(Sources sources)
      : sources_(std::move(sources)), started_(sources_.clock->Now()) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Sources sources_;
  const absl::Time started_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_METRICS_METRICS_COLLECTOR_H_
