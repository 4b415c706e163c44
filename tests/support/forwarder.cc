#include "tests/support/forwarder.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace restate::test {
namespace {

void Check(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::abort();
}

sockaddr_in AddressOf(const std::string& host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  Check(inet_pton(AF_INET, host.c_str(), &address.sin_addr) == 1, "inet_pton");
  return address;
}

const sockaddr* Plain(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// A socket from `source` to HOST:PORT; -1 if nobody takes it.
int ConnectFrom(const std::string& source, const std::string& server) {
  const size_t colon = server.rfind(':');
  const sockaddr_in to =
      AddressOf(server.substr(0, colon), std::atoi(&server[colon + 1]));
  const sockaddr_in from = AddressOf(source, 0);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Check(fd >= 0, "socket");
  Check(bind(fd, Plain(from), sizeof(from)) == 0, "bind");
  if (connect(fd, Plain(to), sizeof(to)) == 0) return fd;
  close(fd);
  return -1;
}

}  // namespace

Forwarder::Forwarder(const std::string& server, std::string source)
    : server_(server), source_(std::move(source)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Check(listener_ >= 0, "socket");
  sockaddr_in at = AddressOf("127.0.0.1", 0);
  Check(bind(listener_, Plain(at), sizeof(at)) == 0, "bind");
  Check(listen(listener_, SOMAXCONN) == 0, "listen");
  socklen_t size = sizeof(at);
  Check(getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) == 0,
        "getsockname");
  address_ = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  acceptor_ = std::thread([this] { Accept(); });
}

Forwarder::~Forwarder() {
  std::vector<std::thread> copiers;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    for (const int fd : sockets_) shutdown(fd, SHUT_RDWR);
    copiers.swap(copiers_);
  }
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (std::thread& copier : copiers) copier.join();
  for (const int fd : sockets_) close(fd);
  close(listener_);
}

void Forwarder::Accept() {
  while (true) {
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    const int server = ConnectFrom(source_, server_);
    MutexLock lock(&mutex_);
    if (server < 0 || stopping_) {
      close(client);
      if (server >= 0) close(server);
      continue;
    }
    sockets_.push_back(client);
    sockets_.push_back(server);
    copiers_.emplace_back([=] { Copy(client, server); });
    copiers_.emplace_back([=] { Copy(server, client); });
  }
}

void Forwarder::Copy(int from, int to) {
  std::array<char, 1 << 16> buffer;
  while (true) {
    const ssize_t got = read(from, buffer.data(), buffer.size());
    if (got <= 0) break;
    for (ssize_t sent = 0; sent < got;) {
      const ssize_t now = send(to, buffer.data() + sent,
                               static_cast<size_t>(got - sent), MSG_NOSIGNAL);
      if (now <= 0) {
        shutdown(from, SHUT_RD);
        return;
      }
      sent += now;
    }
  }
  shutdown(to, SHUT_WR);
}

}  // namespace restate::test
