#include "tests/watch/session_watcher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"

namespace restate::test {

SessionWatcher::SessionWatcher(
    std::map<std::string, v1::SubscribeRequest> subscriptions, uint64_t seed,
    uint64_t cut_one_in, RunState* state)
    : cut_one_in_(cut_one_in), state_(state), random_(seed) {
  for (auto& [callback_id, request] : subscriptions) {
    Callback& callback = callbacks_[callback_id];
    callback.recording.name = "session " + callback_id;
    callback.recording.wish = Wish::Of(request);
    callback.request = std::move(request);
    callback.request.set_encoding(v1::VALUE_ENCODING_TYPED);
    callback.request.mutable_heartbeat()->set_seconds(1);
  }
  thread_ = std::thread([this] { Run(); });
}

std::vector<Recording> SessionWatcher::recordings() const {
  std::vector<Recording> recordings;
  for (const auto& [id, callback] : callbacks_) {
    recordings.push_back(callback.recording);
  }
  return recordings;
}

void SessionWatcher::Run() {
  while (ReadStream()) {
  }
}

bool SessionWatcher::ReadStream() {
  if (stub_ == nullptr) {
    stub_ = v1::EventService::NewStub(Connect(state_->WaitForServer(&start_)));
  }
  v1::OpenSessionRequest request;
  request.set_session_id(session_id_);
  const auto context = NewContext();
  const auto stream = stub_->OpenSession(context.get(), request);
  v1::OpenSessionResponse response;
  bool useful = stream->Read(&response);
  if (useful && !response.has_opened()) {
    failure_ = "the first message of a session's stream is not `opened`";
    useful = false;
  }
  if (useful) {
    session_id_ = response.opened().session_id();
    useful = SubscribeAll(response.opened().resumed());
  }
  while (useful && stream->Read(&response)) {
    for (const v1::CallbackEvents& run : response.events().runs()) Take(run);
    if (response.has_ended()) {
      const v1::SubscriptionEnded& ended = response.ended();
      Callback& callback = callbacks_[ended.callback_id()];
      if (ended.subscription_id() == callback.subscription_id) {
        if (CodeAndReason(ended.status()) !=
            "OUT_OF_RANGE / HISTORY_COMPACTED") {
          failure_ = "ended with " + CodeAndReason(ended.status());
          break;
        }
        callback.token.clear();
        callback.begin_again = true;
        if (!Subscribe(ended.callback_id(), &callback)) break;
      }
    }
    if (ToldAll()) break;
    if (state_->final_revision() == 0 && random_() % cut_one_in_ == 0) break;
  }
  context->TryCancel();
  while (stream->Read(&response)) {
  }
  const grpc::Status status = stream->Finish();
  if (!failure_.empty() || ToldAll()) return false;
  if (status.error_code() == grpc::StatusCode::CANCELLED) return true;
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    stub_ = v1::EventService::NewStub(Connect(state_->WaitForServer(&start_)));
    return true;
  }
  return Failed("OpenSession", status);
}

bool SessionWatcher::SubscribeAll(bool resumed) {
  for (auto& [callback_id, callback] : callbacks_) {
    v1::RegisterCallbackRequest request;
    request.set_session_id(session_id_);
    request.set_callback_id(callback_id);
    request.set_replace(resumed);
    const auto context = NewContext();
    v1::RegisterCallbackResponse response;
    const grpc::Status status =
        stub_->RegisterCallback(context.get(), request, &response);
    if (!status.ok()) return Failed("RegisterCallback", status);
    if (!Subscribe(callback_id, &callback)) return false;
  }
  return true;
}

bool SessionWatcher::Subscribe(const std::string& callback_id,
                               Callback* callback) {
  while (true) {
    v1::SubscribeByIdRequest request;
    request.set_session_id(session_id_);
    request.set_callback_id(callback_id);
    *request.mutable_subscription() = callback->request;
    Piece piece;
    if (!callback->token.empty()) {
      request.mutable_subscription()->set_resume_token(callback->token);
      piece.beginning = Beginning::kToken;
    } else if (callback->begin_again) {
      request.mutable_subscription()->mutable_snapshot();
      piece.beginning = Beginning::kSnapshot;
    }
    const auto context = NewContext();
    v1::SubscribeByIdResponse response;
    const grpc::Status status =
        stub_->SubscribeById(context.get(), request, &response);
    if (status.ok()) {
      callback->subscription_id = response.subscription_id();
      callback->recording.pieces.push_back(std::move(piece));
      return true;
    }
    if (CodeAndReason(status) != "OUT_OF_RANGE / HISTORY_COMPACTED" ||
        callback->begin_again) {
      return Failed("SubscribeById", status);
    }
    callback->token.clear();
    callback->begin_again = true;
  }
}

void SessionWatcher::Take(const v1::CallbackEvents& run) {
  Callback& callback = callbacks_[run.callback_id()];
  // What was under way when it was replaced.
  if (run.subscription_id() != callback.subscription_id) return;
  callback.recording.pieces.back().batches.push_back(
      ToldBatch::Of(run.batch()));
  callback.token = run.batch().resume_token();
  if (!callback.token.empty()) callback.begin_again = false;
  callback.through = std::max(callback.through, run.batch().revision());
}

bool SessionWatcher::ToldAll() const {
  const int64_t end = state_->final_revision();
  return end != 0 && std::all_of(callbacks_.begin(), callbacks_.end(),
                                 [&](const auto& entry) {
                                   return entry.second.through >= end;
                                 });
}

bool SessionWatcher::Failed(const std::string& call,
                            const grpc::Status& status) {
  // The server's end: the stream says so too.
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) return false;
  failure_ = absl::StrCat(call, ": ", CodeAndReason(status), ": ",
                          status.error_message());
  return false;
}

}  // namespace restate::test
