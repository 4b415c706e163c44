#ifndef RESTATE_TESTS_SUPPORT_ERROR_INFO_H_
#define RESTATE_TESTS_SUPPORT_ERROR_INFO_H_

#include <map>
#include <ostream>
#include <string>

#include "google/rpc/status.pb.h"
#include "grpcpp/support/status.h"

namespace restate::test {

// All that a caller is told about a failure.
struct Failure {
  // "INVALID_ARGUMENT"; "OK" if there was none.
  std::string code;
  // Of google.rpc.ErrorInfo; empty if none came with the status.
  std::string reason;
  std::string domain;
  std::map<std::string, std::string> metadata;
  std::string message;

  bool ok() const { return code == "OK"; }
};

// From a call's status, its details (grpc-status-details-bin) included.
Failure FailureOf(const grpc::Status& status);
// From an answer of the Write stream.
Failure FailureOf(const google::rpc::Status& status);

// "INVALID_ARGUMENT / INVALID_PATH": how the contract names an error. Only the
// code if there is no reason.
std::string CodeAndReason(const grpc::Status& status);
std::string CodeAndReason(const google::rpc::Status& status);

// For test failures.
std::ostream& operator<<(std::ostream& out, const Failure& failure);

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_ERROR_INFO_H_
