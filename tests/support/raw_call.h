#ifndef RESTATE_TESTS_SUPPORT_RAW_CALL_H_
#define RESTATE_TESTS_SUPPORT_RAW_CALL_H_

#include <memory>
#include <string>

#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/status.h"

namespace restate::test {

// A call of any method with bytes of any kind, well-formed or not. Every call
// is a stream underneath: a unary one is Write, WritesDone, Read, Finish.
//
// One thread at a time, but for Cancel, which may come from any.
class RawCall {
 public:
  // `method` as "/restate.v1.StateService/GetState".
  RawCall(const std::shared_ptr<grpc::Channel>& channel,
          const std::string& method);
  // Cancels a call that was not finished.
  ~RawCall();
  RawCall(const RawCall&) = delete;
  RawCall& operator=(const RawCall&) = delete;

  // False once the call has ended.
  bool Write(const std::string& bytes);
  bool WritesDone();
  // False when there is nothing more.
  bool Read(std::string* bytes);
  // The call's status. Once.
  grpc::Status Finish();
  void Cancel();

 private:
  // Waits for the only operation that is under way.
  bool Completed();

  grpc::GenericStub stub_;
  const std::unique_ptr<grpc::ClientContext> context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  bool finished_ = false;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_RAW_CALL_H_
