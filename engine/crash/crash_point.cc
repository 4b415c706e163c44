#include "engine/crash/crash_point.h"

#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace restate {
namespace {

constexpr std::pair<std::string_view, CrashPoint> kNames[] = {
    {"decided", CrashPoint::kDecided},
    {"applying", CrashPoint::kApplying},
    {"applied", CrashPoint::kApplied},
};

// As it was when it was first asked for.
const absl::StatusOr<std::optional<CrashRequest>>& Requested() {
  static const auto* const kRequested = [] {
    const char* text = std::getenv("RESTATE_CRASH_AT");
    return new absl::StatusOr<std::optional<CrashRequest>>(
        ParseCrashRequest(text == nullptr ? "" : text));
  }();
  return *kRequested;
}

}  // namespace

absl::StatusOr<std::optional<CrashRequest>> ParseCrashRequest(
    std::string_view text) {
  if (text.empty()) return std::nullopt;
  const size_t colon = text.find(':');
  CrashRequest request;
  const bool counted =
      colon == std::string_view::npos ||
      (absl::SimpleAtoi(std::string(text.substr(colon + 1)), &request.time) &&
       request.time > 0);
  bool named = false;
  for (const auto& [name, point] : kNames) {
    if (text.substr(0, colon) != name) continue;
    request.point = point;
    named = true;
  }
  if (named && counted) return request;
  return absl::InvalidArgumentError(
      absl::StrCat("RESTATE_CRASH_AT=", std::string(text),
                   " names no place: decided, applying or applied, and after "
                   "a colon how often it is reached before the process ends"));
}

absl::StatusOr<std::optional<CrashRequest>> RequestedCrash() {
  return Requested();
}

void ReachCrashPoint(CrashPoint point) {
  const auto& requested = Requested();
  if (!requested.ok() || !requested->has_value()) return;
  if ((*requested)->point != point) return;
  static std::atomic<uint64_t> reached = 0;
  if (reached.fetch_add(1) + 1 == (*requested)->time) raise(SIGKILL);
}

}  // namespace restate
