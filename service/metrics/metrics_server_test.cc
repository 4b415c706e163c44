#include "service/metrics/metrics_server.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "service/metrics/families.h"

namespace restate {
namespace {

class OneNumber final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    Families families;
    families.Gauge("one", "One.", 1);
    return families.Take();
  }
};

TEST(MetricsServerTest, TellsThePortItGot) {
  auto server =
      MetricsServer::Start("127.0.0.1:0", std::make_shared<OneNumber>());
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string address = (*server)->address();
  EXPECT_TRUE(address.starts_with("127.0.0.1:")) << address;
  EXPECT_NE(address, "127.0.0.1:0");

  // The port is taken while it serves, and free again after it.
  const absl::Status second =
      MetricsServer::Start(address, std::make_shared<OneNumber>()).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kUnavailable);
  server->reset();
  EXPECT_TRUE(
      MetricsServer::Start(address, std::make_shared<OneNumber>()).ok());
}

TEST(MetricsServerTest, RefusesWhatIsNotThere) {
  const absl::Status status =
      MetricsServer::Start("203.0.113.1:0", std::make_shared<OneNumber>())
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(),
            "cannot serve metrics on 203.0.113.1:0: is another server there, "
            "or the host not this one, or none of IPv4? Give another "
            "--http-listen, or \"off\" to serve none");
}

}  // namespace
}  // namespace restate
