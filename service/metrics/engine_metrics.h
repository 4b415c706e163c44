#ifndef RESTATE_SERVICE_METRICS_ENGINE_METRICS_H_
#define RESTATE_SERVICE_METRICS_ENGINE_METRICS_H_

#include "absl/time/time.h"
#include "engine/controller/measures.h"
#include "service/metrics/families.h"

namespace restate {

// Adds the numbers of the engine: docs/operations.md lists them. Ages are as of
// `now`.
void AddEngineMetrics(const Measures& measures, absl::Time now,
                      Families* families);

}  // namespace restate

#endif  // RESTATE_SERVICE_METRICS_ENGINE_METRICS_H_
