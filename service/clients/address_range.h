#ifndef RESTATE_SERVICE_CLIENTS_ADDRESS_RANGE_H_
#define RESTATE_SERVICE_CLIENTS_ADDRESS_RANGE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace restate {

// An IP address. One of IPv4 is the same as its IPv4-mapped form of IPv6.
class IpAddress {
 public:
  // "10.0.0.7", "2001:db8::1", "::ffff:10.0.0.7", "fe80::1%eth0" (the zone is
  // left out). Nothing for anything else.
  static std::optional<IpAddress> Parse(std::string_view text);

  // In its shortest form: "10.0.0.7" for both forms of IPv4.
  std::string ToText() const;
  bool is_ipv4() const;
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }

 private:
  // As IPv6.
  std::array<uint8_t, 16> bytes_ = {};
};

// The addresses that begin with the same bits: a network, or one machine.
class AddressRange {
 public:
  // "10.0.0.0/8", "2001:db8::/32", or an address alone. INVALID_ARGUMENT telling
  // what is wrong.
  static absl::StatusOr<AddressRange> Parse(std::string_view text);

  bool Contains(const IpAddress& address) const;

 private:
  IpAddress first_;
  // Of the form as IPv6.
  int bits_ = 128;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_CLIENTS_ADDRESS_RANGE_H_
