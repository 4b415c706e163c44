#include "service/metrics/metrics_server.h"

#include <exception>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace restate {

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& listen,
    std::shared_ptr<prometheus::Collectable> collector) {
  std::unique_ptr<prometheus::Exposer> exposer;
  int port = 0;
  // The library throws; this is the border. What it throws does not say why.
  try {
    exposer = std::make_unique<prometheus::Exposer>(listen);
    exposer->RegisterCollectable(collector);
    const std::vector<int> ports = exposer->GetListeningPorts();
    if (!ports.empty()) port = ports.front();
  } catch (const std::exception&) {
    port = 0;
  }
  if (port == 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot serve metrics on ", listen,
        ": is another server there, or the host not this one, or none of IPv4? "
        "Give another --http-listen, or \"off\" to serve none"));
  }
  std::string address =
      absl::StrCat(listen.substr(0, listen.rfind(':')), ":", port);
  return std::unique_ptr<MetricsServer>(new MetricsServer(
      std::move(exposer), std::move(collector), std::move(address)));
}

}  // namespace restate
