#ifndef RESTATE_TESTS_FUZZ_FUZZ_TARGET_H_
#define RESTATE_TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

// What libFuzzer and replay.cc call with each input. Gives 0; a broken promise
// aborts.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Aborts, naming what does not hold.
#define FUZZ_CHECK(condition)                                                \
  do {                                                                       \
    if (!(condition)) {                                                      \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, \
                   #condition);                                              \
      std::abort();                                                          \
    }                                                                        \
  } while (false)

#endif  // RESTATE_TESTS_FUZZ_FUZZ_TARGET_H_
