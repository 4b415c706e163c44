// Loaded before the C library (LD_PRELOAD) into clients: their connections to
// this machine come from the address that RESTATE_SOURCE_ADDRESS names, so that
// the server takes them for different machines.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

namespace {

using Connect = int (*)(int, const sockaddr*, socklen_t);

// Whether `address` is IPv4, by itself or inside IPv6.
bool IsIpv4(const sockaddr* address) {
  if (address->sa_family == AF_INET) return true;
  if (address->sa_family != AF_INET6) return false;
  const auto* six = reinterpret_cast<const sockaddr_in6*>(address);
  return IN6_IS_ADDR_V4MAPPED(&six->sin6_addr);
}

void Bind(int socket, const sockaddr* to, const char* source) {
  in_addr address;
  if (inet_pton(AF_INET, source, &address) != 1) return;
  if (to->sa_family == AF_INET) {
    sockaddr_in from = {};
    from.sin_family = AF_INET;
    from.sin_addr = address;
    bind(socket, reinterpret_cast<const sockaddr*>(&from), sizeof(from));
    return;
  }
  sockaddr_in6 from = {};
  from.sin6_family = AF_INET6;
  from.sin6_addr.s6_addr[10] = 0xff;
  from.sin6_addr.s6_addr[11] = 0xff;
  memcpy(&from.sin6_addr.s6_addr[12], &address, sizeof(address));
  bind(socket, reinterpret_cast<const sockaddr*>(&from), sizeof(from));
}

}  // namespace

extern "C" int connect(int socket, const sockaddr* address, socklen_t size) {
  static const auto next =
      reinterpret_cast<Connect>(dlsym(RTLD_NEXT, "connect"));
  const char* const source = getenv("RESTATE_SOURCE_ADDRESS");
  if (source != nullptr && IsIpv4(address)) Bind(socket, address, source);
  return next(socket, address, size);
}
