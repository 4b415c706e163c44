#ifndef RESTATE_TESTS_DERIVATION_HOSTING_SESSION_H_
#define RESTATE_TESTS_DERIVATION_HOSTING_SESSION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/sync/mutex.h"
#include "engine/tree/tree.h"
#include "restate/v1/derivation_service.grpc.pb.h"
#include "tests/derivation/rule.h"
#include "tests/support/client.h"

namespace restate::test {

// The functions that clients compute, by the name that the server calls.
// Thread-safe.
class HostedBodies {
 public:
  void Add(const Rule& rule) {
    MutexLock lock(&mutex_);
    bodies_[rule.name] = rule.body;
  }
  Body Find(const std::string& name) const {
    MutexLock lock(&mutex_);
    return bodies_.at(name);
  }

 private:
  mutable Mutex mutex_;
  std::map<std::string, Body> bodies_ ABSL_GUARDED_BY(mutex_);
};

// One call of a function, with what it was given.
struct HostedCall {
  std::string name;
  int64_t revision = 0;
  std::vector<Tree> sources;
};

// A session that computes hosted transforms, in a thread of its own.
class HostingSession {
 public:
  // Opens the session, or takes it up again, and waits until it is there.
  HostingSession(const std::string& address, const std::string& id,
                 const HostedBodies* bodies);
  // Vanishes: the server keeps the session for its grace time.
  ~HostingSession();
  HostingSession(const HostingSession&) = delete;
  HostingSession& operator=(const HostingSession&) = delete;

  const std::string& id() const { return id_; }
  // Ends the session.
  void Close();
  // All calls so far.
  std::vector<HostedCall> calls() const;

 private:
  void Run();
  void Answer(const v1::TransformCall& call);

  const std::string id_;
  const HostedBodies* const bodies_;
  Client client_;
  const std::unique_ptr<v1::DerivationService::Stub> derivations_;
  const std::unique_ptr<grpc::ClientContext> context_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool opened_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<HostedCall> calls_ ABSL_GUARDED_BY(mutex_);

  // Last, so that everything it uses is there.
  std::thread thread_;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_DERIVATION_HOSTING_SESSION_H_
