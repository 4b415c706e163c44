#ifndef RESTATE_ENGINE_HOSTING_HOST_TABLE_PARTS_H_
#define RESTATE_ENGINE_HOSTING_HOST_TABLE_PARTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "engine/hosting/host_table.h"

// What a HostTable is made of; for its own files only.

namespace restate {

// A hosted definition.
struct HostTable::Hosted {
  Derivation derivation;
  // Sessions, the newest last.
  std::vector<std::string> hosts;
  // Whether the newest is to be called though nothing has changed: it may
  // compute something else than those before.
  bool forced = false;
  // How many calls came back.
  int64_t completed = 0;

  // The call under way, if there is one, and whom it went to.
  std::shared_ptr<SessionRequest> request;
  std::string called;
  // What it was sent with, each time that it was.
  struct Sent {
    Revision revision = 0;
    std::shared_ptr<const DerivationProgress> progress;
  };
  absl::flat_hash_map<std::string, Sent> sent;

  const Definition& definition() const { return *derivation.definition; }
  bool stale() const { return derivation.progress->outdated; }
};

// A write that waits.
struct HostTable::Waiter {
  struct Target {
    // Reached with sources of this revision, after so many calls.
    Revision source_revision = 0;
    int64_t completed = 0;
  };
  // The commit that is waited for.
  Revision since = 0;
  absl::btree_map<std::string, Target> targets;
  absl::Duration deadline;
  Derived derived;
  DerivedCallback done;
};

// What is to be done once the mutex is free.
struct HostTable::Actions {
  struct Ask {
    std::string session_id;
    std::shared_ptr<SessionRequest> request;
  };
  std::vector<Ask> asks;
  std::vector<std::unique_ptr<Waiter>> done;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_HOSTING_HOST_TABLE_PARTS_H_
