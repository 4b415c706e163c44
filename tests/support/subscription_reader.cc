#include "tests/support/subscription_reader.h"

#include <utility>

#include "tests/support/client.h"
#include "tests/support/json.h"

namespace restate::test {

SubscriptionReader::SubscriptionReader(std::shared_ptr<grpc::Channel> channel,
                                       const v1::SubscribeRequest& request,
                                       Observer observer)
    : stub_(v1::EventService::NewStub(std::move(channel))),
      context_(NewContext()),
      request_(request),
      observer_(std::move(observer)),
      thread_([this] { Run(); }) {}

SubscriptionReader::~SubscriptionReader() {
  Cancel();
  thread_.join();
}

void SubscriptionReader::Run() {
  const auto stream = stub_->Subscribe(context_.get(), request_);
  v1::SubscribeResponse response;
  while (stream->Read(&response)) Record(response.batch());
  const grpc::Status status = stream->Finish();
  MutexLock lock(&mutex_);
  ended_ = true;
  status_ = status;
  changed_.NotifyAll();
}

void SubscriptionReader::Record(const v1::EventBatch& batch) {
  if (observer_) {
    for (const v1::Event& event : batch.events()) observer_(event);
  }
  MutexLock lock(&mutex_);
  Judge(batch);
  events_.insert(events_.end(), batch.events().begin(), batch.events().end());
  batches_.push_back(batch);
  if (!batch.resume_token().empty()) token_ = batch.resume_token();
  epoch_ = batch.epoch();
  if (batch.revision() != 0) revision_ = batch.revision();
  if (batch.synced()) {
    synced_ = true;
    synced_revision_ = batch.revision();
  }
  changed_.NotifyAll();
}

void SubscriptionReader::Judge(const v1::EventBatch& batch) {
  auto broken = [&](const std::string& rule, const std::string& where) {
    violations_.push_back(rule + ": " + where);
  };
  // What was read from the history comes before `synced`.
  const bool replays = request_.has_resume_token() ||
                       request_.has_after_revision();
  if (batch.has_reset()) {
    if (reset_.has_value()) broken("a reset inside a reset", ToJson(batch));
    if (!batch.has_gap()) broken("a reset without a gap", ToJson(batch));
    reset_ = batch.reset();
  }
  int64_t last = last_revision_;
  for (const v1::Event& event : batch.events()) {
    const bool initial = event.kind() == v1::EVENT_KIND_INITIAL;
    if (reset_.has_value()) {
      // It may show a later revision than that of its place.
      if (!initial) broken("live event inside a reset", ToJson(event));
      if (event.revision() != reset_->revision()) {
        broken("INITIAL event of another revision", ToJson(event));
      }
      continue;
    }
    if (event.revision() < last) broken("revision decreases", ToJson(event));
    if (event.revision() < revision_ ||
        (event.revision() == revision_ && revision_ != 0)) {
      broken("event of a revision said to be complete", ToJson(event));
    }
    last = event.revision();
    if (event.kind() == v1::EVENT_KIND_UNSPECIFIED ||
        event.emitting_path().text().empty() ||
        event.current_path().text().empty() || event.pattern().text().empty()) {
      broken("a field is missing", ToJson(event));
    }
    if (event.kind() != v1::EVENT_KIND_INITIAL &&
        (!event.has_commit_time() || !event.has_origin())) {
      broken("no commit time or origin", ToJson(event));
    }
    if (event.kind() == v1::EVENT_KIND_INITIAL && synced_) {
      broken("INITIAL after synced", ToJson(event));
    }
    if (event.kind() != v1::EVENT_KIND_INITIAL && !synced_ &&
        !batch.synced() && !replays) {
      broken("live event before synced", ToJson(event));
    }
  }
  last_revision_ = last;
  if (batch.has_reset_done()) {
    if (!reset_.has_value() ||
        reset_->path().text() != batch.reset_done().path().text()) {
      broken("the end of no reset", ToJson(batch));
    }
    reset_.reset();
  } else if (reset_.has_value() && batch.revision() != 0) {
    broken("a revision inside a reset", ToJson(batch));
  }
  if (batch.epoch().empty()) broken("no epoch", ToJson(batch));
  if (!epoch_.empty() && batch.epoch() != epoch_) {
    broken("epoch changed", ToJson(batch));
  }
  if (batch.synced() && synced_) broken("synced twice", ToJson(batch));
  if (batch.revision() != 0) {
    if (batch.revision() < last) {
      broken("batch revision below its events", ToJson(batch));
    }
    if (batch.revision() < revision_) {
      broken("batch revision decreases", ToJson(batch));
    }
  } else if (batch.synced() && last != 0) {
    broken("synced without the revision of the snapshot", ToJson(batch));
  }
}

bool SubscriptionReader::WaitUntilBatches(
    const std::function<bool(const std::vector<v1::EventBatch>&)>& done) {
  MutexLock lock(&mutex_);
  while (!done(batches_)) {
    if (ended_) return false;
    changed_.Wait(&mutex_);
  }
  return true;
}

bool SubscriptionReader::WaitForSynced() {
  MutexLock lock(&mutex_);
  while (!synced_ && !ended_) changed_.Wait(&mutex_);
  return synced_;
}

std::vector<v1::Event> SubscriptionReader::WaitForEvents(size_t n) {
  MutexLock lock(&mutex_);
  while (events_.size() < n && !ended_) changed_.Wait(&mutex_);
  return events_;
}

bool SubscriptionReader::WaitForRevision(int64_t revision) {
  MutexLock lock(&mutex_);
  while (revision_ < revision && !ended_) changed_.Wait(&mutex_);
  return revision_ >= revision;
}

bool SubscriptionReader::WaitUntil(
    const std::function<bool(const std::vector<v1::Event>&)>& done) {
  MutexLock lock(&mutex_);
  while (!done(events_)) {
    if (ended_) return false;
    changed_.Wait(&mutex_);
  }
  return true;
}

grpc::Status SubscriptionReader::WaitForEnd() {
  MutexLock lock(&mutex_);
  while (!ended_) changed_.Wait(&mutex_);
  return status_;
}

void SubscriptionReader::Cancel() { context_->TryCancel(); }

std::vector<v1::Event> SubscriptionReader::events() const {
  MutexLock lock(&mutex_);
  return events_;
}

std::vector<v1::EventBatch> SubscriptionReader::batches() const {
  MutexLock lock(&mutex_);
  return batches_;
}

std::string SubscriptionReader::token() const {
  MutexLock lock(&mutex_);
  return token_;
}

int64_t SubscriptionReader::synced_revision() const {
  MutexLock lock(&mutex_);
  return synced_revision_;
}

int64_t SubscriptionReader::revision() const {
  MutexLock lock(&mutex_);
  return revision_;
}

std::string SubscriptionReader::epoch() const {
  MutexLock lock(&mutex_);
  return epoch_;
}

std::vector<std::string> SubscriptionReader::Violations() const {
  MutexLock lock(&mutex_);
  return violations_;
}

}  // namespace restate::test
