#ifndef RESTATE_ENGINE_CLIENT_CLIENT_ID_H_
#define RESTATE_ENGINE_CLIENT_CLIENT_ID_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace restate {

// Who a client is to the engine: what bounds per client count by, and who is
// said to have defined a derivation. As long as clients do not say who they are,
// it is where they come from: the address of the peer without its port, or the
// user at the other end of a Unix socket. The service makes them
// (service/clients), nobody else.
//
// A value: immutable, cheap to copy, ordered and hashed by its text.
class ClientId {
 public:
  // Whether bounds per client hold for it. They do not for one that many stand
  // behind, such as a proxy, and for the server itself.
  enum class Bounds { kHold, kDoNotHold };

  // Nobody: what the server does by itself. Has no bounds.
  ClientId() = default;
  // `ip` is an address as text in its shortest form, without brackets and port.
  static ClientId OfAddress(std::string_view ip,
                            Bounds bounds = Bounds::kHold) {
    return ClientId(
        absl::StrCat("ip:", absl::string_view(ip.data(), ip.size())), bounds);
  }
  static ClientId OfUser(uint32_t uid, Bounds bounds = Bounds::kHold) {
    return ClientId(absl::StrCat("uid:", uid), bounds);
  }
  // The client whose text() was written down.
  static ClientId FromText(std::string text, Bounds bounds = Bounds::kHold) {
    return text.empty() ? ClientId() : ClientId(std::move(text), bounds);
  }

  // "ip:10.0.0.7", "ip:2001:db8::1", "uid:1000"; empty for nobody. Stable: it is
  // kept on disk.
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  bool bounded() const { return bounds_ == Bounds::kHold; }

  friend bool operator==(const ClientId& a, const ClientId& b) {
    return a.text_ == b.text_;
  }
  friend bool operator<(const ClientId& a, const ClientId& b) {
    return a.text_ < b.text_;
  }
  template <typename H>
  friend H AbslHashValue(H h, const ClientId& client) {
    return H::combine(std::move(h), client.text_);
  }

 private:
  ClientId(std::string text, Bounds bounds)
      : text_(std::move(text)), bounds_(bounds) {}

  std::string text_;
  Bounds bounds_ = Bounds::kDoNotHold;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_CLIENT_CLIENT_ID_H_
