#include "tests/support/session_reader.h"

#include <algorithm>
#include <utility>

#include "tests/support/client.h"

namespace restate::test {

SessionReader::SessionReader(std::shared_ptr<grpc::Channel> channel,
                             const v1::OpenSessionRequest& request)
    : stub_(v1::EventService::NewStub(std::move(channel))),
      context_(NewContext()),
      request_(request),
      thread_([this] { Run(); }) {}

SessionReader::~SessionReader() {
  Cancel();
  thread_.join();
}

void SessionReader::Run() {
  const auto stream = stub_->OpenSession(context_.get(), request_);
  v1::OpenSessionResponse response;
  while (stream->Read(&response)) {
    MutexLock lock(&mutex_);
    messages_.push_back(response);
    changed_.NotifyAll();
  }
  const grpc::Status status = stream->Finish();
  MutexLock lock(&mutex_);
  ended_ = true;
  status_ = status;
  changed_.NotifyAll();
}

v1::SessionOpened SessionReader::WaitForOpened() {
  MutexLock lock(&mutex_);
  while (messages_.empty() && !ended_) changed_.Wait(&mutex_);
  return messages_.empty() ? v1::SessionOpened() : messages_.front().opened();
}

bool SessionReader::WaitUntil(const std::function<bool(const Messages&)>& done) {
  MutexLock lock(&mutex_);
  while (!done(messages_)) {
    if (ended_) return false;
    changed_.Wait(&mutex_);
  }
  return true;
}

bool SessionReader::WaitForSync(int64_t sync_id) {
  return WaitUntil([sync_id](const Messages& messages) {
    return std::any_of(messages.begin(), messages.end(),
                       [sync_id](const v1::OpenSessionResponse& message) {
                         return message.has_sync() &&
                                message.sync().sync_id() == sync_id;
                       });
  });
}

grpc::Status SessionReader::WaitForEnd() {
  MutexLock lock(&mutex_);
  while (!ended_) changed_.Wait(&mutex_);
  return status_;
}

SessionReader::Messages SessionReader::messages() const {
  MutexLock lock(&mutex_);
  return messages_;
}

std::vector<v1::CallbackEvents> SessionReader::runs() const {
  MutexLock lock(&mutex_);
  std::vector<v1::CallbackEvents> runs;
  for (const v1::OpenSessionResponse& message : messages_) {
    for (const v1::CallbackEvents& run : message.events().runs()) {
      runs.push_back(run);
    }
  }
  return runs;
}

}  // namespace restate::test
