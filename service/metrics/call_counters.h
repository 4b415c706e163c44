#ifndef RESTATE_SERVICE_METRICS_CALL_COUNTERS_H_
#define RESTATE_SERVICE_METRICS_CALL_COUNTERS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/measure/counter.h"
#include "engine/measure/histogram.h"

namespace restate {

// Every method that is served, in the order of the .proto files.
enum class Rpc {
  kGetState,
  kBatchGetState,
  kSetState,
  kDeleteState,
  kPing,
  kCommit,
  kWrite,
  kListChildren,
  kStreamState,
  kSubscribe,
  kOpenSession,
  kCloseSession,
  kRegisterCallback,
  kUnregisterCallback,
  kSubscribeById,
  kUnsubscribeById,
  kListSubscriptions,
  kAcknowledge,
  kSync,
  kDerive,
  kRemoveDerivation,
  kListDerivations,
  kCompleteTransform,
  kBeginRun,
  kEndRun,
  kStopTracker,
  kGetStatus,
  kCompact,
  kBackup,
  kRestore,
  kListMounts,
  kMount,
  kUnmount,
  kFlush,
  kGetInfo,
  kScan,
  kApply,
};
inline constexpr size_t kRpcs = static_cast<size_t>(Rpc::kApply) + 1;

// "restate.v1.StateService" and "GetState"; and whether there is one request
// and one response.
struct RpcName {
  std::string_view service;
  std::string_view method;
  bool unary = true;
};
const RpcName& NameOf(Rpc rpc);

// The canonical codes: "OK", "INVALID_ARGUMENT".
inline constexpr size_t kCodes = 17;
std::string_view CodeName(size_t code);

// The calls of one method.
struct MethodCounters {
  Counter began;
  // By canonical code.
  std::array<Counter, kCodes> ended;
  // From the handler's start until the answer is given to gRPC; unary methods
  // alone.
  Histogram time{TimeBounds()};
};

// The calls of every method since the start. Thread-safe.
class CallCounters {
 public:
  MethodCounters& Of(Rpc rpc) { return methods_[static_cast<size_t>(rpc)]; }
  const MethodCounters& Of(Rpc rpc) const {
    return methods_[static_cast<size_t>(rpc)];
  }

 private:
  std::array<MethodCounters, kRpcs> methods_;
};

// A call from its beginning to its end, which is to be told once. A default one
// is not counted.
class CountedCall {
 public:
  CountedCall() = default;
  // `counters` may be null, and outlives the call.
  CountedCall(CallCounters* counters, Rpc rpc)
      : method_(counters == nullptr ? nullptr : &counters->Of(rpc)) {
    if (method_ != nullptr) method_->began.Add();
  }

  // `code` is canonical.
  void End(int code) const {
    if (method_ == nullptr) return;
    const size_t index = static_cast<size_t>(code);
    method_->ended[index < kCodes ? index : 2].Add();
  }
  void End(int code, std::chrono::steady_clock::duration time) const {
    if (method_ != nullptr) {
      method_->time.Record(static_cast<uint64_t>(
          std::chrono::duration_cast<std::chrono::nanoseconds>(time).count()));
    }
    End(code);
  }

 private:
  MethodCounters* method_ = nullptr;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_METRICS_CALL_COUNTERS_H_
