#ifndef RESTATE_SERVICE_STATE_WRITE_CALL_H_
#define RESTATE_SERVICE_STATE_WRITE_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/commit/commit_request.h"
#include "restate/v1/state_service.pb.h"
#include "service/adapters/commit_adapter.h"
#include "service/adapters/limits.h"
#include "service/events/message_bytes.h"
#include "service/metrics/unary_call.h"
#include "service/streams/work_threads.h"

namespace restate {

// Requests and answers up to this size are converted where they come: by the few
// threads that serve all calls, and by the sequencer's. Larger ones, which would
// keep everybody else waiting, are converted by threads of their own.
inline constexpr size_t kMaxInlineBytes = size_t{64} << 10;

// What the answer of a write needs of the request.
struct AnswerForm {
  v1::ValueEncoding encoding = v1::VALUE_ENCODING_UNSPECIFIED;
  // Of a Commit.
  OperationKinds kinds;
};

// One unary write: bytes -> commit -> bytes. Shared by whoever has to go on with
// it, one after the other.
template <typename Request, typename Response>
class WriteCall
    : public std::enable_shared_from_this<WriteCall<Request, Response>> {
 public:
  // `bytes` and `answer` are gRPC's, until the call is finished.
  WriteCall(UnaryCall call, const grpc::ByteBuffer* bytes,
            grpc::ByteBuffer* answer, WorkThreads* large)
      : call_(call), bytes_(bytes), answer_(answer), large_(large) {}

  // Parses and decodes the request, and passes it to `commit`; there or here, by
  // its size. Errors end the call.
  template <typename Commit>
  void Start(const RequestLimits& limits, Commit commit) {
    auto decode = [self = this->shared_from_this(), limits,
                   commit = std::move(commit)]() mutable {
      absl::StatusOr<CommitRequest> decoded = self->Decode(limits);
      if (!decoded.ok()) return self->call_.Finish(decoded.status());
      commit(*std::move(decoded));
    };
    if (bytes_->Length() <= kMaxInlineBytes) return decode();
    large_->Next()->Post(std::move(decode));
  }

  // Fills the answer by `encode`, which gives whether that may be sent, and ends
  // the call; there or here, by the size of what the operations give back.
  template <typename Encode>
  void Answer(absl::StatusOr<CommitResult> result, Encode encode) {
    if (!result.ok()) return call_.Finish(result.status());
    const bool is_large = IsLarge(*result);
    auto finish = [self = this->shared_from_this(), result = *std::move(result),
                   encode = std::move(encode)] {
      Response response;
      const absl::Status status = encode(result, self->form_, &response);
      if (status.ok()) *self->answer_ = BytesOf(response);
      self->call_.Finish(status);
    };
    if (!is_large) return finish();
    large_->Next()->Post(std::move(finish));
  }

 private:
  // The message is gone after it: it takes more than the request that it becomes.
  absl::StatusOr<CommitRequest> Decode(const RequestLimits& limits) {
    const absl::StatusOr<Request> request = ParseBytes<Request>(*bytes_);
    if (!request.ok()) return request.status();
    if constexpr (requires { request->encoding(); }) {
      form_.encoding = request->encoding();
    }
    if constexpr (requires { KindsOf(*request); }) {
      form_.kinds = KindsOf(*request);
    }
    return DecodeCommit(*request, limits);
  }
  static bool IsLarge(const CommitResult& result) {
    size_t bytes = 0;
    for (const OperationResult& one : result.results) {
      if (!one.value.has_value()) continue;
      bytes += one.value->ByteSize(kMaxInlineBytes);
      if (bytes > kMaxInlineBytes) return true;
    }
    return false;
  }

  const UnaryCall call_;
  const grpc::ByteBuffer* const bytes_;
  grpc::ByteBuffer* const answer_;
  WorkThreads* const large_;
  AnswerForm form_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_STATE_WRITE_CALL_H_
