#include "service/metrics/metrics_collector.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "service/metrics/engine_metrics.h"
#include "service/metrics/process_metrics.h"

namespace restate {

void AddCallMetrics(const CallCounters& calls, Families* families) {
  for (size_t i = 0; i < kRpcs; ++i) {
    const Rpc rpc = static_cast<Rpc>(i);
    const RpcName& name = NameOf(rpc);
    const MethodCounters& method = calls.Of(rpc);
    const Families::Labels labels = {{"service", std::string(name.service)},
                                     {"method", std::string(name.method)}};
    uint64_t ended = 0;
    for (size_t code = 0; code < kCodes; ++code) {
      const uint64_t count = method.ended[code].value();
      ended += count;
      // 0 for the good end of each, so that a first error has something to be
      // compared with.
      if (count == 0 && code != 0) continue;
      Families::Labels with_code = labels;
      with_code.emplace_back("code", CodeName(code));
      families->Counter("restate_rpcs_total",
                        "Calls that have ended, by method and code.",
                        static_cast<double>(count), with_code);
    }
    families->Gauge(
        "restate_rpcs_in_flight", "Calls and streams that are under way.",
        static_cast<double>(std::max(method.began.value(), ended) - ended),
        labels);
    if (!name.unary || ended == 0) continue;
    families->Histogram("restate_rpc_duration_seconds",
                        "Time that unary calls take in the server.",
                        method.time.Read(), 1e-9, labels);
  }
}

std::vector<prometheus::MetricFamily> MetricsCollector::Collect() const {
  Families families;
  families.Gauge("restate_info", "Which server this is; always 1.", 1,
                 {{"version", sources_.version}, {"epoch", sources_.epoch}});
  AddEngineMetrics(sources_.measure(), sources_.clock->Now(), &families);
  AddCallMetrics(*sources_.calls, &families);
  AddProcessMetrics(started_, &families);
  return families.Take();
}

}  // namespace restate
