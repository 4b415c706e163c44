#include "engine/lua/call_meter.h"

#include <lua5.4/lua.hpp>
#include <time.h>

#include <algorithm>
#include <cstdlib>

namespace restate {
namespace {

constexpr size_t kBytesPerInstruction = 64;
constexpr size_t kStringBytesPerPrice = 16 * 1024;
// Smaller blocks are covered by the instruction that asked for them.
constexpr size_t kSmallBlock = 128;
// A string's header.
constexpr size_t kStringOverhead = 64;
// Each refusal makes Lua collect all garbage and ask again; a call that lives
// close under its cap would do little else.
constexpr int kMaxRefusals = 8;
constexpr int kStepsPerClock = 10;
constexpr int64_t kUnbounded = int64_t{1} << 40;

absl::Duration ThreadCpuTime() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return absl::DurationFromTimespec(now);
}

}  // namespace

void* CallMeter::Allocate(void* meter, void* block, size_t old_size,
                          size_t new_size) {
  auto* self = static_cast<CallMeter*>(meter);
  if (new_size == 0) {
    if (block != nullptr) self->in_use_ -= old_size;
    std::free(block);
    return nullptr;
  }
  // For a new block, old_size is not a size but the type of the object; 0 for
  // vectors, which are in tables, and the stack.
  const bool is_new = block == nullptr;
  const size_t type = is_new ? old_size : 0;
  const size_t held = is_new ? 0 : old_size;
  if (new_size > held && !self->MayGrow(type, held, new_size)) {
    return nullptr;
  }
  void* moved = std::realloc(block, new_size);
  if (moved == nullptr) return new_size <= held ? block : nullptr;
  self->in_use_ += new_size - held;
  return moved;
}

bool CallMeter::MayGrow(size_t type, size_t held, size_t new_size) {
  const bool is_string = type == LUA_TSTRING;
  if (!running_) return true;
  if (over_ != Over::kNothing) return false;
  if (is_string && new_size > max_string_bytes() + kStringOverhead) {
    refused_long_string_ = true;
    return false;
  }
  traffic_ += new_size;
  if (traffic_ / kBytesPerInstruction >
      static_cast<uint64_t>(budget_.instructions)) {
    over_ = Over::kInstructions;
    return false;
  }
  if (in_use_ + (new_size - held) > kept_ + budget_.memory_bytes) {
    if (++refusals_ > kMaxRefusals) over_ = Over::kMemory;
    return false;
  }
  if (type != 0 && new_size >= kSmallBlock &&
      !Charge(static_cast<int64_t>(new_size / kBytesPerInstruction))) {
    return false;
  }
  if (is_string) {
    price_ = std::max(
        price_, static_cast<int64_t>(1 + new_size / kStringBytesPerPrice));
  }
  return true;
}

void CallMeter::Begin(const LuaBudget& budget) {
  budget_ = budget;
  // Sums and products with a price stay within int64.
  budget_.instructions = std::clamp<int64_t>(budget.instructions, 0, kUnbounded);
  running_ = true;
  over_ = Over::kNothing;
  refused_long_string_ = false;
  spent_ = 0;
  price_ = 1;
  nodes_ = 0;
  traffic_ = 0;
  result_bytes_ = 0;
  refusals_ = 0;
  steps_until_clock_ = kStepsPerClock;
  // The clock is first read when a call turns out not to be short.
  cpu_deadline_ = absl::InfiniteDuration();
}

bool CallMeter::Step() {
  if (--steps_until_clock_ <= 0) {
    steps_until_clock_ = kStepsPerClock;
    const absl::Duration now = ThreadCpuTime();
    if (cpu_deadline_ == absl::InfiniteDuration()) {
      cpu_deadline_ = now + budget_.cpu_time;
    } else if (now > cpu_deadline_ && over_ == Over::kNothing) {
      over_ = Over::kCpuTime;
    }
  }
  return ChargeComparisons(kStep);
}

bool CallMeter::ChargeComparisons(int64_t comparisons) {
  return Charge(std::min(comparisons, kUnbounded) * price_);
}

bool CallMeter::Charge(int64_t instructions) {
  if (over_ != Over::kNothing) return false;
  spent_ += std::min(instructions, kUnbounded);
  if (spent_ <= budget_.instructions) return true;
  over_ = Over::kInstructions;
  return false;
}

bool CallMeter::CountNode() {
  if (over_ != Over::kNothing) return false;
  if (++nodes_ <= budget_.nodes) return true;
  over_ = Over::kNodes;
  return false;
}

bool CallMeter::CountResultBytes(size_t bytes) {
  if (over_ != Over::kNothing) return false;
  result_bytes_ += bytes;
  if (result_bytes_ <= budget_.memory_bytes) return true;
  over_ = Over::kMemory;
  return false;
}

int64_t CallMeter::instructions() const {
  const int64_t spent = std::min(spent_, budget_.instructions);
  // The last step was not full.
  return (spent / kStep + 1) * kStep;
}

}  // namespace restate
