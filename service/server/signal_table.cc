#include "service/server/signal_table.h"

#include <signal.h>
#include <string.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace restate {
namespace {

std::vector<SignalRule> MakeRules() {
  std::vector<SignalRule> rules = {
      {SIGTERM, SignalUse::kStop},
      {SIGINT, SignalUse::kStop},
      // The processor time that the process may take is over. SIGKILL follows.
      {SIGXCPU, SignalUse::kStopPatiently},
      // Kept for having the configuration read again.
      {SIGHUP, SignalUse::kNoted},
      {SIGUSR1, SignalUse::kNoted},
      {SIGUSR2, SignalUse::kNoted},
      {SIGALRM, SignalUse::kNoted},
      {SIGVTALRM, SignalUse::kNoted},
      {SIGPROF, SignalUse::kNoted},
      {SIGIO, SignalUse::kNoted},
      {SIGPWR, SignalUse::kNoted},
      {SIGSTKFLT, SignalUse::kNoted},
      // The write fails instead, and whoever writes tells of it.
      {SIGPIPE, SignalUse::kIgnored},
      {SIGXFSZ, SignalUse::kIgnored},
      // A server in the background of a terminal goes on, and writes its log.
      {SIGTTIN, SignalUse::kIgnored},
      {SIGTTOU, SignalUse::kIgnored},
  };
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) {
    rules.push_back({number, SignalUse::kNoted});
  }
  return rules;
}

}  // namespace

const std::vector<SignalRule>& SignalRules() {
  static const auto* const rules = new std::vector<SignalRule>(MakeRules());
  return *rules;
}

SignalUse UseOf(int number) {
  return std::find_if(
             SignalRules().begin(), SignalRules().end(),
             [&](const SignalRule& rule) { return rule.number == number; })
      ->use;
}

std::string SignalName(int number) {
  if (number >= SIGRTMIN && number <= SIGRTMAX) {
    return absl::StrCat("SIGRTMIN+", number - SIGRTMIN);
  }
  const char* const name = sigabbrev_np(number);
  return name == nullptr ? absl::StrCat("signal ", number)
                         : absl::StrCat("SIG", name);
}

}  // namespace restate
