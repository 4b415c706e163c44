#include "service/clients/peer_clients.h"

#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

AddressRange Range(const std::string& text) {
  absl::StatusOr<AddressRange> range = AddressRange::Parse(text);
  EXPECT_TRUE(range.ok()) << range.status();
  return range.ok() ? *range : AddressRange();
}

TEST(PeerClientsTest, TheAddressWithoutThePortIsTheClient) {
  const PeerClients clients;
  EXPECT_EQ(clients.OfPeer("ipv4:127.0.0.2:40123").text(), "ip:127.0.0.2");
  EXPECT_EQ(clients.OfPeer("ipv4:127.0.0.2:1"),
            clients.OfPeer("ipv4:127.0.0.2:65535"));
  EXPECT_FALSE(clients.OfPeer("ipv4:127.0.0.2:1") ==
               clients.OfPeer("ipv4:127.0.0.3:1"));
  EXPECT_TRUE(clients.OfPeer("ipv4:127.0.0.2:1").bounded());
}

TEST(PeerClientsTest, AnAddressOfIpv6HasOneForm) {
  const PeerClients clients;
  EXPECT_EQ(clients.OfPeer("ipv6:%5B2001:db8::1%5D:40123").text(),
            "ip:2001:db8::1");
  EXPECT_EQ(clients.OfPeer("ipv6:[2001:DB8:0::1]:40123").text(),
            "ip:2001:db8::1");
  EXPECT_EQ(clients.OfPeer("ipv6:%5Bfe80::1%25eth0%5D:1").text(),
            "ip:fe80::1");
  // A socket that takes both kinds shows IPv4 like this.
  EXPECT_EQ(clients.OfPeer("ipv6:%5B::ffff:10.0.0.7%5D:1").text(),
            "ip:10.0.0.7");
}

TEST(PeerClientsTest, BoundsDoNotHoldBehindATrustedProxy) {
  const PeerClients clients(
      {.trusted_proxies = {Range("10.0.0.0/9"), Range("2001:db8::7")}});
  EXPECT_FALSE(clients.OfPeer("ipv4:10.127.255.255:1").bounded());
  EXPECT_FALSE(clients.OfPeer("ipv6:[::ffff:10.1.2.3]:1").bounded());
  EXPECT_FALSE(clients.OfPeer("ipv6:[2001:db8::7]:1").bounded());
  EXPECT_TRUE(clients.OfPeer("ipv4:10.128.0.0:1").bounded());
  EXPECT_TRUE(clients.OfPeer("ipv6:[2001:db8::8]:1").bounded());
  // It is a client like any other in all else.
  EXPECT_EQ(clients.OfPeer("ipv4:10.1.2.3:1").text(), "ip:10.1.2.3");
}

TEST(PeerClientsTest, BoundsCanBeOffForAll) {
  const PeerClients clients({.per_client = false});
  EXPECT_FALSE(clients.OfPeer("ipv4:10.1.2.3:1").bounded());
  EXPECT_FALSE(clients.OfPeer("unix:/run/restate.sock").bounded());
}

TEST(AddressRangeTest, RefusesWhatIsNoNetwork) {
  for (const char* text : {"", "localhost", "10.0.0.0/33", "10.0.0.0/", "/8",
                           "10.0.0.0/-1", "10.0.0.0/8/8", "2001:db8::/129",
                           "10.0.0", "10.0.0.1:80"}) {
    EXPECT_EQ(AddressRange::Parse(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(AddressRangeTest, AllAddressesOfOneKind) {
  const IpAddress ipv4 = *IpAddress::Parse("10.1.2.3");
  const IpAddress ipv6 = *IpAddress::Parse("2001:db8::1");
  EXPECT_TRUE(Range("0.0.0.0/0").Contains(ipv4));
  EXPECT_FALSE(Range("0.0.0.0/0").Contains(ipv6));
  EXPECT_TRUE(Range("::/0").Contains(ipv6));
}

}  // namespace
}  // namespace restate
