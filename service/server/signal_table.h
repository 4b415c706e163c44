#ifndef RESTATE_SERVICE_SERVER_SIGNAL_TABLE_H_
#define RESTATE_SERVICE_SERVER_SIGNAL_TABLE_H_

#include <string>
#include <vector>

namespace restate {

// What a signal does.
enum class SignalUse {
  // The first stops the server, a second one ends the process at once.
  kStop,
  // As kStop, but as often as it comes: the kernel sends it every second.
  kStopPatiently,
  // Is told in the log, and nothing else.
  kNoted,
  // Nothing at all.
  kIgnored,
};

struct SignalRule {
  int number = 0;
  SignalUse use = SignalUse::kNoted;
};

// Every signal that does something else than the kernel's default. Those that
// are not here keep it, on purpose: SIGKILL and SIGSTOP, which cannot be taken;
// SIGQUIT and those of errors in the program (SIGSEGV, SIGABRT ...), which leave
// a core; SIGTSTP and SIGCONT, by which a shell stops it and lets it go on; and
// SIGCHLD, SIGURG and SIGWINCH, which do nothing (docs/operations.md).
const std::vector<SignalRule>& SignalRules();

// The rule's use; `number` is that of a rule.
SignalUse UseOf(int number);

// "SIGHUP", "SIGRTMIN+3".
std::string SignalName(int number);

}  // namespace restate

#endif  // RESTATE_SERVICE_SERVER_SIGNAL_TABLE_H_
