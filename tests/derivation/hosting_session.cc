#include "tests/derivation/hosting_session.h"

#include <utility>

#include "engine/value/value_proto.h"

namespace restate::test {

HostingSession::HostingSession(const std::string& address,
                               const std::string& id,
                               const HostedBodies* bodies)
    : id_(id),
      bodies_(bodies),
      client_(address),
      derivations_(v1::DerivationService::NewStub(client_.channel())),
      context_(NewContext()),
      thread_([this] { Run(); }) {
  MutexLock lock(&mutex_);
  while (!opened_ && !ended_) changed_.Wait(&mutex_);
}

HostingSession::~HostingSession() {
  context_->TryCancel();
  thread_.join();
}

void HostingSession::Close() {
  v1::CloseSessionRequest request;
  request.set_session_id(id_);
  v1::CloseSessionResponse response;
  const auto context = NewContext();
  // One that is over already is as good.
  client_.events().CloseSession(context.get(), request, &response);
}

std::vector<HostedCall> HostingSession::calls() const {
  MutexLock lock(&mutex_);
  return calls_;
}

void HostingSession::Run() {
  v1::OpenSessionRequest request;
  request.set_session_id(id_);
  const auto stream = client_.events().OpenSession(context_.get(), request);
  v1::OpenSessionResponse message;
  while (stream->Read(&message)) {
    if (message.has_opened()) {
      MutexLock lock(&mutex_);
      opened_ = true;
      changed_.NotifyAll();
    }
    if (message.has_transform_call()) Answer(message.transform_call());
  }
  stream->Finish();
  MutexLock lock(&mutex_);
  ended_ = true;
  changed_.NotifyAll();
}

void HostingSession::Answer(const v1::TransformCall& call) {
  HostedCall made;
  made.name = call.name();
  made.revision = call.revision();
  for (const v1::TransformCall::Source& source : call.sources()) {
    made.sources.push_back(source.has_value() ? Tree(*FromProto(source.value()))
                                              : std::nullopt);
  }
  const Computed computed =
      restate::test::Call(bodies_->Find(made.name), made.sources);
  {
    MutexLock lock(&mutex_);
    calls_.push_back(std::move(made));
  }
  v1::CompleteTransformRequest request;
  request.set_call_id(call.call_id());
  if (computed.failed) {
    request.mutable_error()->set_code(grpc::StatusCode::INVALID_ARGUMENT);
    request.mutable_error()->set_message("a string");
  } else if (computed.value.has_value()) {
    ToProto(*computed.value, request.mutable_value());
  }
  v1::CompleteTransformResponse response;
  const auto context = NewContext();
  // A call that nobody waits for any more, and a server that is gone, are no
  // business of the host's.
  derivations_->CompleteTransform(context.get(), request, &response);
}

}  // namespace restate::test
