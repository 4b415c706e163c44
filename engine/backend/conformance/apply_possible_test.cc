// Backend::ApplyPossible of everything that needs no network.
#include "engine/backend/conformance/apply_possible_suite.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

INSTANTIATE_TEST_SUITE_P(
    Backends, ApplyPossibleTest,
    testing::ValuesIn(LocalObstructibleArrangements()),
    [](const testing::TestParamInfo<ObstructibleArrangement>& info) {
      return info.param.name;
    });

}  // namespace
}  // namespace restate
