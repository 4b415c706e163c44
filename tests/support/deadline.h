#ifndef RESTATE_TESTS_SUPPORT_DEADLINE_H_
#define RESTATE_TESTS_SUPPORT_DEADLINE_H_

#include <chrono>

namespace restate::test {

// When this test binary has to be done: a little before Bazel would end it, so
// that a wait which never comes true fails with a message instead of being cut
// off. The only bound on any wait in these tests.
std::chrono::system_clock::time_point TestDeadline();

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_DEADLINE_H_
