#include "service/clients/address_range.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"

namespace restate {
namespace {

// ::ffff:0:0/96, where IPv4 lives in IPv6.
constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0,    0,
                                             0, 0, 0, 0, 0xff, 0xff};
constexpr int kMappedBits = 96;

}  // namespace

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  // inet_pton wants a NUL behind it.
  const std::string plain(text.substr(0, text.find('%')));
  IpAddress address;
  if (inet_pton(AF_INET, plain.c_str(), address.bytes_.data() + 12) == 1) {
    std::copy(kMapped.begin(), kMapped.end(), address.bytes_.begin());
    return address;
  }
  if (inet_pton(AF_INET6, plain.c_str(), address.bytes_.data()) == 1) {
    return address;
  }
  return std::nullopt;
}

bool IpAddress::is_ipv4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes_.begin());
}

std::string IpAddress::ToText() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_ipv4()) {
    inet_ntop(AF_INET, bytes_.data() + 12, text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
  }
  return text.data();
}

absl::StatusOr<AddressRange> AddressRange::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const std::optional<IpAddress> first =
      IpAddress::Parse(text.substr(0, slash));
  const auto bad = [text] {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", AbslView(text),
        "\" must be an address such as 10.0.0.7 or 2001:db8::1, or a network "
        "such as 10.0.0.0/8"));
  };
  if (!first.has_value()) return bad();
  AddressRange range;
  range.first_ = *first;
  if (slash == std::string_view::npos) return range;
  const int offset = first->is_ipv4() ? kMappedBits : 0;
  int bits = 0;
  if (!absl::SimpleAtoi(AbslView(text.substr(slash + 1)), &bits) || bits < 0 ||
      bits + offset > 128) {
    return bad();
  }
  range.bits_ = bits + offset;
  return range;
}

bool AddressRange::Contains(const IpAddress& address) const {
  const auto whole = static_cast<size_t>(bits_ / 8);
  const auto& mine = first_.bytes();
  const auto& its = address.bytes();
  if (!std::equal(mine.begin(), mine.begin() + whole, its.begin())) {
    return false;
  }
  const int rest = bits_ % 8;
  return rest == 0 || (mine[whole] ^ its[whole]) >> (8 - rest) == 0;
}

}  // namespace restate
