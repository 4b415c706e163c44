#ifndef RESTATE_ENGINE_BACKEND_CONFORMANCE_CONFORMANCE_SUITE_H_
#define RESTATE_ENGINE_BACKEND_CONFORMANCE_CONFORMANCE_SUITE_H_

#include <string>
#include <string_view>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/backend/conformance/tree_under_test.h"
#include "engine/tree/tree.h"
#include "gtest/gtest.h"

namespace restate {

// What every backend must do, case by case. Instantiated by a test for each
// group of arrangements:
//
//   INSTANTIATE_TEST_SUITE_P(Local, ConformanceTest,
//                            testing::ValuesIn(LocalArrangements()),
//                            NameOfArrangement);
class ConformanceTest : public testing::TestWithParam<Arrangement> {
 protected:
  // As the sequencer does: with the hint.
  void Set(std::string_view path, Tree value);
  // As a replay does.
  void SetWithoutHint(std::string_view path, Tree value);
  void SetOwn(std::string_view path, Tree own);
  ReadResult ReadWithin(std::string_view path, ReadLimits limits);
  Tree Read(std::string_view path);
  NodeProbe Probe(std::string_view path);
  // The paths from where the cursor is.
  std::vector<std::string> Walk(Cursor& cursor);

  TreeUnderTest tree_{GetParam().mounts};
};

// Random batches against a naive model. Instantiated in the same way.
class RandomOperationsTest : public testing::TestWithParam<Arrangement> {};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_CONFORMANCE_CONFORMANCE_SUITE_H_
