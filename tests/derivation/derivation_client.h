#ifndef RESTATE_TESTS_DERIVATION_DERIVATION_CLIENT_H_
#define RESTATE_TESTS_DERIVATION_DERIVATION_CLIENT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/path/path.h"
#include "engine/tree/tree.h"
#include "restate/v1/derivation_service.grpc.pb.h"
#include "tests/support/client.h"

namespace restate::test {

// What several paths read as at one revision.
struct Snapshot {
  int64_t revision = 0;
  std::map<Path, Tree> values;
};

// The calls that this test makes. Thread-safe.
class DerivationClient {
 public:
  explicit DerivationClient(const std::string& address)
      : client_(address),
        stub_(v1::DerivationService::NewStub(client_.channel())) {}

  Client& client() { return client_; }
  v1::DerivationService::Stub& stub() { return *stub_; }

  Reply<v1::DeriveResponse> Derive(const v1::DeriveRequest& request);
  Reply<v1::RemoveDerivationResponse> Remove(const Path& dest);
  // By destination.
  Reply<std::map<Path, v1::DerivationInfo>> List();
  // Lists until none is STALE. False if the server is gone.
  bool WaitUntilNoneIsStale();

  Reply<Snapshot> Read(const std::vector<Path>& paths, v1::View view,
                       int64_t min_revision = 0);
  // The own values of all nodes, by StreamState.
  Reply<Snapshot> Stream(int64_t min_revision = 0);

 private:
  Client client_;
  const std::unique_ptr<v1::DerivationService::Stub> stub_;
};

// For test failures.
std::string ToText(const Tree& tree);

}  // namespace restate::test

#endif  // RESTATE_TESTS_DERIVATION_DERIVATION_CLIENT_H_
