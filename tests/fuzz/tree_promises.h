#ifndef RESTATE_TESTS_FUZZ_TREE_PROMISES_H_
#define RESTATE_TESTS_FUZZ_TREE_PROMISES_H_

#include "engine/value/value.h"

namespace restate {

// Makes a decoded value canonical, if it can be written at all, and aborts
// unless everything that is promised of canonical trees holds for it.
void CheckTreePromises(const Value& decoded);

}  // namespace restate

#endif  // RESTATE_TESTS_FUZZ_TREE_PROMISES_H_
