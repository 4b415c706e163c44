#ifndef RESTATE_SERVICE_METRICS_PROCESS_METRICS_H_
#define RESTATE_SERVICE_METRICS_PROCESS_METRICS_H_

#include "absl/time/time.h"
#include "service/metrics/families.h"

namespace restate {

// Adds what Prometheus expects of every process: its memory, processor time,
// open files and when it was started.
void AddProcessMetrics(absl::Time started, Families* families);

}  // namespace restate

#endif  // RESTATE_SERVICE_METRICS_PROCESS_METRICS_H_
