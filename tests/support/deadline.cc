#include "tests/support/deadline.h"

#include <cstdlib>

namespace restate::test {
namespace {

constexpr int kDefaultTimeoutSeconds = 300;

int TimeoutSeconds() {
  const char* given = std::getenv("TEST_TIMEOUT");
  const int seconds = given == nullptr ? 0 : std::atoi(given);
  return seconds > 0 ? seconds : kDefaultTimeoutSeconds;
}

// Evaluated before main, which is near enough to the start of the test.
const std::chrono::system_clock::time_point deadline =
    std::chrono::system_clock::now() +
    std::chrono::seconds(TimeoutSeconds() * 9 / 10);

}  // namespace

std::chrono::system_clock::time_point TestDeadline() { return deadline; }

}  // namespace restate::test
