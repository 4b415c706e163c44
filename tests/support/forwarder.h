#ifndef RESTATE_TESTS_SUPPORT_FORWARDER_H_
#define RESTATE_TESTS_SUPPORT_FORWARDER_H_

#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/sync/mutex.h"

namespace restate::test {

// A client with another address: what connects to address() reaches the server
// from `source`, an address of this machine such as 127.0.0.2.
//
// Thread-safe. Aborts the test binary if the system refuses what it needs.
class Forwarder {
 public:
  // `server` is HOST:PORT of IPv4.
  Forwarder(const std::string& server, std::string source);
  // Cuts all connections.
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  const std::string& address() const { return address_; }

 private:
  void Accept();
  // Copies until either side is closed, and closes the other way.
  static void Copy(int from, int to);

  const std::string server_;
  const std::string source_;
  int listener_ = -1;
  std::string address_;
  Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<int> sockets_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> copiers_ ABSL_GUARDED_BY(mutex_);
  // Last, so that it starts when the rest is there.
  std::thread acceptor_;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_FORWARDER_H_
