#include "service/server/termination.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdint>

#include "engine/clock/clock.h"
#include "service/server/signal_table.h"

namespace restate {
namespace {

constexpr int kInterruptedExit = 130;
// Signals that do nothing may come by the thousand: this often they are told of.
constexpr absl::Duration kNoteInterval = absl::Seconds(1);

bool HasHandler(int number) {
  struct sigaction present;
  return sigaction(number, nullptr, &present) == 0 &&
         ((present.sa_flags & SA_SIGINFO) != 0 ||
          (present.sa_handler != SIG_DFL && present.sa_handler != SIG_IGN));
}

// What is waited for rather than handled.
sigset_t TakenSignals() {
  sigset_t taken;
  sigemptyset(&taken);
  for (const SignalRule& rule : SignalRules()) {
    if (rule.use != SignalUse::kIgnored && !HasHandler(rule.number)) {
      sigaddset(&taken, rule.number);
    }
  }
  return taken;
}

}  // namespace

void TakeOverSignals() {
  for (const SignalRule& rule : SignalRules()) {
    if (rule.use == SignalUse::kIgnored && !HasHandler(rule.number)) {
      signal(rule.number, SIG_IGN);
    }
  }
  // Whoever started the process may have left others blocked.
  const sigset_t taken = TakenSignals();
  pthread_sigmask(SIG_SETMASK, &taken, nullptr);
}

absl::StatusOr<std::unique_ptr<Termination>> Termination::Start() {
  std::unique_ptr<Termination> termination(new Termination());
  const sigset_t taken = TakenSignals();
  termination->signals_ = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
  termination->end_ = eventfd(0, EFD_CLOEXEC);
  if (termination->signals_ < 0 || termination->end_ < 0) {
    return absl::ResourceExhaustedError(
        "no file descriptor is left to wait for signals with: raise the limit "
        "on open files");
  }
  absl::Status started = termination->thread_.Start(
      "restate-signals", [raw = termination.get()] { raw->Loop(); });
  if (!started.ok()) return started;
  return termination;
}

Termination::~Termination() {
  if (thread_.running()) {
    const uint64_t one = 1;
    while (write(end_, &one, sizeof(one)) < 0) {
    }
    thread_.Join();
  }
  if (signals_ >= 0) close(signals_);
  if (end_ >= 0) close(end_);
}

int Termination::Wait() {
  MutexLock lock(&mutex_);
  while (signal_ == 0) received_.Wait(&mutex_);
  return signal_;
}

void Termination::Loop() {
  while (true) {
    pollfd waiting[] = {{signals_, POLLIN, 0}, {end_, POLLIN, 0}};
    poll(waiting, 2, -1);
    if (waiting[1].revents != 0) return;
    signalfd_siginfo info;
    while (read(signals_, &info, sizeof(info)) == sizeof(info)) {
      Take(static_cast<int>(info.ssi_signo), static_cast<int>(info.ssi_pid));
    }
  }
}

void Termination::Take(int number, int sender) {
  const SignalUse use = UseOf(number);
  if (use == SignalUse::kNoted) return Note(number, sender);
  MutexLock lock(&mutex_);
  if (signal_ != 0 && use == SignalUse::kStop) _exit(kInterruptedExit);
  if (signal_ == 0) signal_ = number;
  received_.NotifyAll();
}

void Termination::Note(int number, int sender) {
  const absl::Duration now = SystemClock().Monotonic();
  if (now - noted_at_ < kNoteInterval) return;
  noted_at_ = now;
  if (number == SIGHUP) {
    spdlog::info(
        "SIGHUP from process {}: this version reads its configuration only at "
        "the start; nothing is done",
        sender);
    return;
  }
  spdlog::info("{} from process {}: it means nothing here, and nothing is done",
               SignalName(number), sender);
}

}  // namespace restate
