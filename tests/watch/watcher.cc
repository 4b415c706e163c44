#include "tests/watch/watcher.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"

namespace restate::test {

Watcher::Watcher(WatcherOptions options, RunState* state, CommittedLog* log)
    : options_(std::move(options)),
      state_(state),
      log_(log),
      random_(options_.seed),
      thread_() {
  recording_.name = options_.name;
  recording_.wish = Wish::Of(options_.request);
  thread_ = std::thread([this] { Run(); });
}

void Watcher::Run() {
  while (ReadStream()) {
  }
}

v1::SubscribeRequest Watcher::NextRequest(Piece* piece) const {
  v1::SubscribeRequest request = options_.request;
  request.set_encoding(v1::VALUE_ENCODING_TYPED);
  request.mutable_heartbeat()->set_seconds(1);
  if (!token_.empty()) {
    request.set_resume_token(token_);
    piece->beginning = Beginning::kToken;
  } else if (begin_again_ || request.has_snapshot()) {
    request.mutable_snapshot();
    piece->beginning = Beginning::kSnapshot;
  } else {
    piece->beginning = Beginning::kNow;
  }
  return request;
}

bool Watcher::ReadStream() {
  if (stub_ == nullptr) {
    stub_ = v1::EventService::NewStub(Connect(state_->WaitForServer(&start_)));
  } else if (Roll(2) == 0) {
    // Another connection, to the same server or to the one after it.
    stub_ = v1::EventService::NewStub(Connect(state_->address(&start_)));
  }
  Piece piece;
  const v1::SubscribeRequest request = NextRequest(&piece);
  recording_.pieces.push_back(std::move(piece));
  const auto context = NewContext();
  const auto stream = stub_->Subscribe(context.get(), request);
  v1::SubscribeResponse response;
  while (stream->Read(&response)) {
    if (!Take(response.batch())) {
      context->TryCancel();
      break;
    }
    if (options_.commits_between_reads > 0) {
      state_->WaitForCommits(
          state_->commits() + options_.commits_between_reads, start_);
    }
  }
  const bool told_all =
      state_->final_revision() != 0 && !recording_.pieces.back().batches.empty() &&
      recording_.pieces.back().batches.back().revision >=
          state_->final_revision();
  while (stream->Read(&response)) {
  }
  const grpc::Status status = stream->Finish();
  if (told_all) return false;
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
    case grpc::StatusCode::CANCELLED:
      ForgetTheLast();
      if (options_.rests_for_commits > 0) {
        state_->WaitForCommits(
            state_->commits() +
                static_cast<int64_t>(Roll(options_.rests_for_commits)),
            start_);
      }
      return true;
    case grpc::StatusCode::UNAVAILABLE:
      stub_ = v1::EventService::NewStub(
          Connect(state_->WaitForServer(&start_)));
      return true;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      // Even the latest value of each place was too much for its queue.
      if (options_.keeps_no_token) return true;
      break;
    case grpc::StatusCode::OUT_OF_RANGE:
      if (CodeAndReason(status) == "OUT_OF_RANGE / HISTORY_COMPACTED" &&
          options_.request.history_loss() != v1::HISTORY_LOSS_RESET) {
        token_.clear();
        begin_again_ = true;
        return true;
      }
      break;
    default:
      break;
  }
  failure_ = absl::StrCat(options_.name, ": ", CodeAndReason(status), ": ",
                          status.error_message());
  return false;
}

bool Watcher::Take(const v1::EventBatch& batch) {
  recording_.pieces.back().batches.push_back(ToldBatch::Of(batch));
  if (!options_.keeps_no_token) token_ = batch.resume_token();
  if (options_.request.intercepting()) Answer(batch);
  const int64_t end = state_->final_revision();
  if (end != 0) return batch.revision() < end;
  return options_.cut_one_in == 0 || Roll(options_.cut_one_in) != 0;
}

void Watcher::Answer(const v1::EventBatch& batch) {
  v1::AcknowledgeRequest answers;
  std::map<std::string, ToldStop> stops;
  for (const v1::Event& event : batch.events()) {
    if (event.ack_token().empty()) continue;
    v1::Acknowledgement* const answer = answers.add_acknowledgements();
    answer->set_ack_token(event.ack_token());
    if (Roll(options_.stop_one_in) != 0) continue;
    answer->set_stop_bubbling(true);
    stops[event.ack_token()] = {event.revision(), event.index(),
                                *Path::Parse(event.current_path().text())};
  }
  if (answers.acknowledgements_size() == 0) return;
  const auto context = NewContext();
  v1::AcknowledgeResponse response;
  const grpc::Status status =
      stub_->Acknowledge(context.get(), answers, &response);
  if (status.ok()) {
    for (const std::string& late : response.expired_tokens()) stops.erase(late);
  }
  for (auto& [token, stop] : stops) log_->NoteStop(std::move(stop));
}

void Watcher::ForgetTheLast() {
  if (options_.request.intercepting() || options_.keeps_no_token ||
      Roll(3) != 0) {
    return;
  }
  std::vector<ToldBatch>& batches = recording_.pieces.back().batches;
  // Back to a message with a token, and not behind the beginning of the stream:
  // what came before it belongs to others.
  size_t keep = batches.size() - std::min<size_t>(batches.size(), 1 + Roll(3));
  while (keep > 0 && batches[keep - 1].token.empty()) --keep;
  if (keep == 0) return;
  batches.resize(keep);
  token_ = batches.back().token;
}

}  // namespace restate::test
