#ifndef RESTATE_SERVICE_METRICS_METRICS_SERVER_H_
#define RESTATE_SERVICE_METRICS_METRICS_SERVER_H_

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace restate {

// Shows what a collector collects at http://HOST:PORT/metrics, in Prometheus'
// text format, by two threads of its own. Serves until it is destroyed, which
// waits for those who are being answered.
class MetricsServer {
 public:
  // `listen` is HOST:PORT; port 0 picks a free one. UNAVAILABLE: it cannot be
  // listened on.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const std::string& listen,
      std::shared_ptr<prometheus::Collectable> collector);

  ~MetricsServer();

  // HOST:PORT with the port that is really listened on.
  const std::string& address() const { return address_; }

 private:
  MetricsServer(std::unique_ptr<prometheus::Exposer> exposer,
                std::shared_ptr<prometheus::Collectable> collector,
                std::string address)
      : collector_(std::move(collector)),
        exposer_(std::move(exposer)),
        address_(std::move(address)) {}

  // Outlives the exposer, which knows it weakly.
  const std::shared_ptr<prometheus::Collectable> collector_;
  std::unique_ptr<prometheus::Exposer> exposer_;
  const std::string address_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_METRICS_METRICS_SERVER_H_
