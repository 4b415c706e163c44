#ifndef RESTATE_SERVICE_CLIENTS_PEER_CLIENTS_H_
#define RESTATE_SERVICE_CLIENTS_PEER_CLIENTS_H_

#include <grpcpp/server_context.h>

#include <string_view>
#include <utility>
#include <vector>

#include "engine/client/client_id.h"
#include "service/clients/address_range.h"

namespace restate {

// Which client a call is from: the one place where a connection becomes a
// ClientId.
//
// Immutable, so thread-safe.
class PeerClients {
 public:
  struct Options {
    // Whether bounds per client hold for anybody.
    bool per_client = true;
    // Whose connections carry many clients: bounds per client do not hold for
    // them.
    std::vector<AddressRange> trusted_proxies;
  };

  PeerClients() = default;
  explicit PeerClients(Options options) : options_(std::move(options)) {}

  ClientId Of(const grpc::ServerContextBase& context) const {
    return OfPeer(context.peer());
  }
  // `peer` is as gRPC writes it: "ipv4:10.0.0.7:52100",
  // "ipv6:%5B2001:db8::1%5D:52100", "unix:/run/restate.sock". What is none of
  // these is a client by its whole text.
  ClientId OfPeer(std::string_view peer) const;

 private:
  Options options_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_CLIENTS_PEER_CLIENTS_H_
