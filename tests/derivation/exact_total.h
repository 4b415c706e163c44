#ifndef RESTATE_TESTS_DERIVATION_EXACT_TOTAL_H_
#define RESTATE_TESTS_DERIVATION_EXACT_TOTAL_H_

#include <vector>

#include "engine/value/value.h"

namespace restate::test {

// The sum of finite numbers and positive infinities as the nearest double: as
// if it had been made without rounding and rounded once at the end. Zero is
// positive. By Shewchuk's partial sums, which the server does not use.
double ExactTotal(const std::vector<Value>& numbers);

}  // namespace restate::test

#endif  // RESTATE_TESTS_DERIVATION_EXACT_TOTAL_H_
