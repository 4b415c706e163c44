#include "service/adapters/status_adapter.h"

#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"
#include "engine/path/utf8.h"
#include "google/rpc/error_details.pb.h"

namespace restate {
namespace {

// In the trailers the message is percent-encoded, and stands once more, beside
// the metadata, inside base64: at these sizes the whole stays under 8 KiB also
// where every byte is escaped.
constexpr size_t kMaxMessageBytes = 1024;
constexpr size_t kMaxMetadataBytes = 1024;
constexpr size_t kMaxMetadataValueBytes = 512;

// `text` as valid UTF-8 of at most `max_bytes`, cut between characters.
std::string Fit(std::string_view text, size_t max_bytes) {
  std::string fit(text);
  // A string field must be UTF-8, or no client could parse the details.
  if (!IsValidUtf8(fit)) fit = absl::CHexEscape(fit);
  if (fit.size() <= max_bytes) return fit;
  constexpr std::string_view kEllipsis = "...";
  size_t cut = max_bytes - kEllipsis.size();
  while ((static_cast<unsigned char>(fit[cut]) & 0xC0) == 0x80) --cut;
  fit.resize(cut);
  fit.append(kEllipsis);
  return fit;
}

google::rpc::ErrorInfo InfoOf(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  info.set_domain(std::string(kErrorDomain));
  std::string reason = ErrorReason(status);
  if (reason.empty()) reason = absl::StatusCodeToString(status.code());
  info.set_reason(std::move(reason));
  size_t left = kMaxMetadataBytes;
  for (const auto& [key, value] : ErrorMetadata(status)) {
    std::string fit = Fit(value, kMaxMetadataValueBytes);
    const size_t size = key.size() + fit.size();
    if (size > left) continue;
    left -= size;
    (*info.mutable_metadata())[key] = std::move(fit);
  }
  return info;
}

}  // namespace

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status rpc;
  if (status.ok()) return rpc;
  // Abseil's codes are google.rpc.Code's.
  rpc.set_code(static_cast<int>(status.code()));
  rpc.set_message(Fit(StdView(status.message()), kMaxMessageBytes));
  rpc.add_details()->PackFrom(InfoOf(status));
  return rpc;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status rpc = ToRpcStatus(status);
  return grpc::Status(static_cast<grpc::StatusCode>(rpc.code()), rpc.message(),
                      rpc.SerializeAsString());
}

}  // namespace restate
