#include "service/metrics/metrics_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/threads/thread.h"

namespace restate {
namespace {

// Connects to an IPv4 address and leaves at once, whatever comes of it.
void Knock(const std::string& address) {
  const size_t colon = address.rfind(':');
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  uint32_t port = 0;
  if (!absl::SimpleAtoi(address.substr(colon + 1), &port)) return;
  to.sin_port = htons(static_cast<uint16_t>(port));
  // A name, which can only be this host's.
  if (inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr) != 1) {
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  ::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  ::close(socket);
}

}  // namespace

MetricsServer::~MetricsServer() {
  // The library looks whether it is to end when somebody connects, or else every
  // two seconds.
  std::atomic<bool> over = false;
  Thread knocking;
  // Without it the end takes two seconds.
  knocking
      .Start("restate-knock",
             [this, &over] {
               while (!over) {
                 Knock(address_);
                 std::this_thread::sleep_for(std::chrono::milliseconds(10));
               }
             })
      .IgnoreError();
  exposer_ = nullptr;
  over = true;
  knocking.Join();
}

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
