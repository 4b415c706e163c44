#ifndef RESTATE_SERVICE_ADAPTERS_STATUS_ADAPTER_H_
#define RESTATE_SERVICE_ADAPTERS_STATUS_ADAPTER_H_

#include <grpcpp/support/status.h>

#include <string_view>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"

namespace restate {

// The one place where the engine's errors become what clients see.

// ErrorInfo.domain of every error.
inline constexpr std::string_view kErrorDomain = "restate";

// The canonical code, the message, and a google.rpc.ErrorInfo with domain,
// reason and metadata. An error that names no reason has the name of its code
// for one. OK gives an empty message.
//
// Long messages and metadata are cut, ending in "...": gRPC clients refuse
// trailers over 8 KiB, and then nobody would see the error at all.
google::rpc::Status ToRpcStatus(const absl::Status& status);

// The same as a gRPC status, with the google.rpc.Status as its details.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_STATUS_ADAPTER_H_
