#ifndef RESTATE_ENGINE_DERIVATION_DERIVATION_COUNTERS_H_
#define RESTATE_ENGINE_DERIVATION_DERIVATION_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "engine/derivation/definition.h"
#include "engine/error/error.h"
#include "engine/measure/counter.h"

namespace restate {

// How often destinations were computed since the start, also in commits that
// were refused in the end. Only the sequencer's thread counts; anybody may
// read.
struct DerivationCounters {
  enum Kind { kLua, kAggregate, kHosted, kKinds };
  // Why one failed: the function raised an error; used up its instructions or
  // its memory; or anything else, such as a result that the destination cannot
  // hold.
  enum Failure { kError, kBudget, kMemory, kOther, kFailures };

  struct OfKind {
    // With a result or without.
    Counter computed;
    std::array<Counter, kFailures> failed;
  };
  std::array<OfKind, kKinds> kinds;
  // Commits refused because a derivation failed that is to refuse then.
  Counter refused_by_failure;
  // Destinations that were put off: the definer's share of a commit was used, or
  // a call took too much of the processor's time.
  Counter put_off;
  // How long commits were set aside for functions of others than their clients.
  Counter waited_us;
  // What was spent in commits, in instructions: all together, and the most in one.
  Counter spent;
  std::atomic<int64_t> most_spent = 0;

  static Kind KindOf(const Definition& definition) {
    if (definition.hosted()) return kHosted;
    return std::holds_alternative<AggregateTransform>(definition.transform)
               ? kAggregate
               : kLua;
  }
  static Failure FailureOf(const absl::Status& status) {
    const std::string reason = ErrorReason(status);
    if (reason == ReasonName(Reason::kLuaError)) return kError;
    if (reason == ReasonName(Reason::kLuaBudget)) return kBudget;
    if (reason == ReasonName(Reason::kLuaMemory)) return kMemory;
    return kOther;
  }

  // One destination that was computed, to be counted.
  struct Computed {
    Kind kind = kLua;
    std::optional<Failure> failure;
  };
  static Computed OutcomeOf(const Definition& definition,
                            const absl::Status& status) {
    Computed computed{KindOf(definition), std::nullopt};
    if (!status.ok()) computed.failure = FailureOf(status);
    return computed;
  }
  void Count(const Computed& one) {
    kinds[one.kind].computed.AddAlone();
    if (one.failure.has_value()) {
      kinds[one.kind].failed[*one.failure].AddAlone();
    }
  }
  // How the derivations of a commit ended.
  void CountCommit(const absl::Status& status) {
    if (status.ok()) return;
    const std::string reason = ErrorReason(status);
    if (reason == ReasonName(Reason::kDerivationFailed)) {
      refused_by_failure.AddAlone();
    }
  }
  void CountSpent(int64_t instructions) {
    spent.AddAlone(static_cast<uint64_t>(instructions));
    if (instructions > most_spent.load(std::memory_order_relaxed)) {
      most_spent.store(instructions, std::memory_order_relaxed);
    }
  }
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_DERIVATION_COUNTERS_H_
