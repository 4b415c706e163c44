#include "service/server/termination.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace restate {
namespace {

// Ends the waiting thread when the process is through.
constexpr int kEndSignal = SIGUSR1;
constexpr int kInterruptedExit = 130;

sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, kEndSignal);
  return signals;
}

}  // namespace

Termination::Termination() {
  signal(SIGPIPE, SIG_IGN);
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  status_ = thread_.Start("restate-signals", [this] { Loop(); });
}

Termination::~Termination() {
  if (!thread_.running()) return;
  pthread_kill(thread_.handle(), kEndSignal);
  thread_.Join();
}

int Termination::Wait() {
  MutexLock lock(&mutex_);
  while (signal_ == 0) received_.Wait(&mutex_);
  return signal_;
}

void Termination::Loop() {
  const sigset_t signals = Signals();
  while (true) {
    int received = 0;
    if (sigwait(&signals, &received) != 0) continue;
    if (received == kEndSignal) return;
    MutexLock lock(&mutex_);
    if (signal_ != 0) _exit(kInterruptedExit);
    signal_ = received;
    received_.NotifyAll();
  }
}

}  // namespace restate
