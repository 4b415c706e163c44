#include "tests/support/error_info.h"

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace restate::test {
namespace {

std::string CodeName(int code) {
  switch (code) {
    case grpc::OK:
      return "OK";
    case grpc::CANCELLED:
      return "CANCELLED";
    case grpc::UNKNOWN:
      return "UNKNOWN";
    case grpc::INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case grpc::DEADLINE_EXCEEDED:
      return "DEADLINE_EXCEEDED";
    case grpc::NOT_FOUND:
      return "NOT_FOUND";
    case grpc::ALREADY_EXISTS:
      return "ALREADY_EXISTS";
    case grpc::PERMISSION_DENIED:
      return "PERMISSION_DENIED";
    case grpc::RESOURCE_EXHAUSTED:
      return "RESOURCE_EXHAUSTED";
    case grpc::FAILED_PRECONDITION:
      return "FAILED_PRECONDITION";
    case grpc::ABORTED:
      return "ABORTED";
    case grpc::OUT_OF_RANGE:
      return "OUT_OF_RANGE";
    case grpc::UNIMPLEMENTED:
      return "UNIMPLEMENTED";
    case grpc::INTERNAL:
      return "INTERNAL";
    case grpc::UNAVAILABLE:
      return "UNAVAILABLE";
    case grpc::DATA_LOSS:
      return "DATA_LOSS";
    case grpc::UNAUTHENTICATED:
      return "UNAUTHENTICATED";
    default:
      return absl::StrCat("code ", code);
  }
}

template <typename Status>
std::string JoinCodeAndReason(const Status& status) {
  const Failure failure = FailureOf(status);
  if (failure.reason.empty()) return failure.code;
  return absl::StrCat(failure.code, " / ", failure.reason);
}

}  // namespace

Failure FailureOf(const google::rpc::Status& status) {
  Failure failure;
  failure.code = CodeName(status.code());
  failure.message = status.message();
  for (const google::protobuf::Any& detail : status.details()) {
    google::rpc::ErrorInfo info;
    if (!detail.UnpackTo(&info)) continue;
    failure.reason = info.reason();
    failure.domain = info.domain();
    failure.metadata.insert(info.metadata().begin(), info.metadata().end());
  }
  return failure;
}

Failure FailureOf(const grpc::Status& status) {
  google::rpc::Status details;
  Failure failure;
  if (details.ParseFromString(status.error_details())) {
    failure = FailureOf(details);
  }
  failure.code = CodeName(status.error_code());
  failure.message = status.error_message();
  return failure;
}

std::string CodeAndReason(const grpc::Status& status) {
  return JoinCodeAndReason(status);
}

std::string CodeAndReason(const google::rpc::Status& status) {
  return JoinCodeAndReason(status);
}

std::ostream& operator<<(std::ostream& out, const Failure& failure) {
  out << failure.code;
  if (!failure.reason.empty()) out << " / " << failure.reason;
  return out << ": " << failure.message;
}

}  // namespace restate::test
