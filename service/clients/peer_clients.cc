#include "service/clients/peer_clients.h"

#include <algorithm>
#include <optional>
#include <string>

namespace restate {
namespace {

// Takes `prefix` off `text`, if it begins with that.
bool Consume(std::string_view prefix, std::string_view* text) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

// The address in "10.0.0.7:52100" or "[2001:db8::1]:52100", whose brackets may
// be percent-encoded.
std::string_view WithoutPort(std::string_view host_port) {
  std::string_view host = host_port.substr(0, host_port.rfind(':'));
  if (Consume("%5B", &host) || Consume("[", &host)) {
    for (const std::string_view end : {"%5D", "]"}) {
      if (host.ends_with(end)) host.remove_suffix(end.size());
    }
  }
  return host;
}

}  // namespace

ClientId PeerClients::OfPeer(std::string_view peer) const {
  const auto bounds = [this](bool hold) {
    return hold && options_.per_client ? ClientId::Bounds::kHold
                                       : ClientId::Bounds::kDoNotHold;
  };
  std::string_view text = peer;
  const bool is_ipv4 = Consume("ipv4:", &text);
  if (!is_ipv4 && !Consume("ipv6:", &text)) {
    return ClientId::FromText(std::string(peer), bounds(true));
  }
  const std::string_view host = WithoutPort(text);
  // gRPC writes IPv4 in the one form there is.
  if (is_ipv4 && options_.trusted_proxies.empty()) {
    return ClientId::OfAddress(host, bounds(true));
  }
  const std::optional<IpAddress> address = IpAddress::Parse(host);
  if (!address.has_value()) return ClientId::OfAddress(host, bounds(true));
  const bool trusted = std::any_of(
      options_.trusted_proxies.begin(), options_.trusted_proxies.end(),
      [&](const AddressRange& range) { return range.Contains(*address); });
  return ClientId::OfAddress(address->ToText(), bounds(!trusted));
}

}  // namespace restate
