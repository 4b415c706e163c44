#ifndef RESTATE_ENGINE_MEASURE_COUNTER_H_
#define RESTATE_ENGINE_MEASURE_COUNTER_H_

#include <atomic>
#include <cstdint>

namespace restate {

// A number that only grows. Thread-safe; says nothing about what else another
// thread sees.
class Counter {
 public:
  Counter() = default;
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  // The same, cheaper. REQUIRES: only one thread ever adds.
  void AddAlone(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n,
                 std::memory_order_relaxed);
  }

  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_ = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_MEASURE_COUNTER_H_
