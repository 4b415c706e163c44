#include "tests/support/raw_call.h"

#include <vector>

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "tests/support/client.h"

namespace restate::test {

RawCall::RawCall(const std::shared_ptr<grpc::Channel>& channel,
                 const std::string& method)
    : stub_(channel), context_(NewContext()) {
  call_ = stub_.PrepareCall(context_.get(), method, &queue_);
  call_->StartCall(this);
  Completed();
}

RawCall::~RawCall() {
  if (!finished_) {
    Cancel();
    Finish();
  }
  queue_.Shutdown();
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) {
  }
}

bool RawCall::Completed() {
  void* tag;
  bool ok = false;
  return queue_.Next(&tag, &ok) && ok;
}

bool RawCall::Write(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  call_->Write(grpc::ByteBuffer(&slice, 1), this);
  return Completed();
}

bool RawCall::WritesDone() {
  call_->WritesDone(this);
  return Completed();
}

bool RawCall::Read(std::string* bytes) {
  grpc::ByteBuffer buffer;
  call_->Read(&buffer, this);
  if (!Completed()) return false;
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return false;
  bytes->clear();
  for (const grpc::Slice& slice : slices) {
    bytes->append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return true;
}

grpc::Status RawCall::Finish() {
  grpc::Status status;
  call_->Finish(&status, this);
  Completed();
  finished_ = true;
  return status;
}

void RawCall::Cancel() { context_->TryCancel(); }

}  // namespace restate::test
