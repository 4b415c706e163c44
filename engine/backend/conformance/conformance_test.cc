// The conformance suite over everything that needs no network.
#include "engine/backend/conformance/conformance_suite.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

INSTANTIATE_TEST_SUITE_P(Backends, ConformanceTest,
                         testing::ValuesIn(LocalArrangements()),
                         NameOfArrangement);

}  // namespace
}  // namespace restate
