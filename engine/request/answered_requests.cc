#include "engine/request/answered_requests.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/request/answer_codec.h"

namespace restate {
namespace {

// What an entry takes in the index.
constexpr size_t kIndexBytes = 48;
// The store forgets this many in one step, or this part of the bound.
constexpr uint64_t kForgottenTogether = 1'024;
constexpr size_t kForgottenPart = 16;

}  // namespace

size_t AnsweredRequests::BytesOf(const Entry& entry) {
  return sizeof(Entry) + kIndexBytes + entry.answer.size();
}

absl::Status AnsweredRequests::Reload(const CommitStore& store) {
  entries_.clear();
  by_id_.clear();
  bytes_ = 0;
  first_ = first_stored_ = 1;
  forgotten_bytes_ = 0;
  DropStaged();
  const absl::Duration now = clock_->Monotonic();
  bool missing = false;
  absl::Status status = store.ReadRequests([&](StoredRequest request) {
    if (entries_.empty()) first_ = first_stored_ = request.sequence;
    if (request.sequence != first_ + entries_.size()) missing = true;
    Append({request.identity, request.time, now, std::move(request.answer)});
    // Never more memory than the bound, whatever the store holds.
    EnforceBounds();
  });
  if (status.ok() && missing) {
    status = MakeError(Reason::kCorrupt,
                       "the record of an answered request is missing");
  }
  UpdateStatus();
  return status;
}

const AnsweredRequests::Entry* AnsweredRequests::FindEntry(
    absl::uint128 id) const {
  if (auto it = staged_by_id_.find(id); it != staged_by_id_.end()) {
    return &staged_[it->second];
  }
  if (auto it = by_id_.find(id); it != by_id_.end()) {
    return &entries_[it->second - first_];
  }
  return nullptr;
}

absl::StatusOr<std::optional<CommitResult>> AnsweredRequests::Find(
    const RequestIdentity& request) const {
  const Entry* const entry = FindEntry(request.id);
  if (entry == nullptr) return std::nullopt;
  if (entry->identity.fingerprint != request.fingerprint &&
      HasFingerprintOfMeaning(entry->answer)) {
    return MakeError(
        Reason::kInvalidRequest,
        "request_id was used for another request: a retry must ask for the "
        "same, and what is no retry needs an id of its own");
  }
  absl::StatusOr<CommitResult> result = DecodeAnswer(entry->answer);
  if (!result.ok()) return result.status();
  result->replayed = true;
  return *std::move(result);
}

void AnsweredRequests::Stage(const RequestIdentity& request,
                             const CommitResult& result) {
  staged_by_id_[request.id] = staged_.size();
  staged_.push_back(
      {request, clock_->Now(), clock_->Monotonic(), EncodeAnswer(result)});
}

RequestChanges AnsweredRequests::Staged() {
  RequestChanges changes;
  if (staged_.empty()) return changes;
  changes.answered.reserve(staged_.size());
  uint64_t sequence = first_ + entries_.size();
  for (const Entry& entry : staged_) {
    changes.answered.push_back(
        {sequence++, entry.identity, entry.time, entry.answer});
  }
  if (first_ > first_stored_ &&
      (first_ - first_stored_ >= kForgottenTogether ||
       forgotten_bytes_ >= bounds_.bytes / kForgottenPart)) {
    changes.forget_from = first_stored_;
    changes.forget_before = forgetting_before_ = first_;
  }
  return changes;
}

void AnsweredRequests::PublishStaged() {
  if (staged_.empty()) return;
  if (forgetting_before_ > first_stored_) {
    first_stored_ = forgetting_before_;
    forgotten_bytes_ = 0;
  }
  for (Entry& entry : staged_) Append(std::move(entry));
  DropStaged();
  EnforceBounds();
  UpdateStatus();
}

void AnsweredRequests::DropStaged() {
  staged_.clear();
  staged_by_id_.clear();
  forgetting_before_ = 0;
}

void AnsweredRequests::Append(Entry entry) {
  // One that was forgotten may come again.
  by_id_[entry.identity.id] = first_ + entries_.size();
  bytes_ += BytesOf(entry);
  entries_.push_back(std::move(entry));
}

void AnsweredRequests::EnforceBounds() {
  if (entries_.empty()) return;
  const absl::Duration now = clock_->Monotonic();
  while (!entries_.empty() &&
         (bytes_ > bounds_.bytes ||
          now - entries_.front().answered_at > bounds_.age)) {
    const Entry& oldest = entries_.front();
    auto it = by_id_.find(oldest.identity.id);
    if (it != by_id_.end() && it->second == first_) by_id_.erase(it);
    bytes_ -= BytesOf(oldest);
    forgotten_bytes_ += BytesOf(oldest);
    entries_.pop_front();
    ++first_;
  }
}

void AnsweredRequests::UpdateStatus() {
  shown_count_.store(entries_.size(), std::memory_order_relaxed);
  shown_bytes_.store(bytes_, std::memory_order_relaxed);
  shown_oldest_nanos_.store(
      entries_.empty() ? 0 : absl::ToUnixNanos(entries_.front().time),
      std::memory_order_relaxed);
}

AnsweredRequests::Status AnsweredRequests::status() const {
  Status status;
  status.count = shown_count_.load(std::memory_order_relaxed);
  status.bytes = shown_bytes_.load(std::memory_order_relaxed);
  const int64_t oldest = shown_oldest_nanos_.load(std::memory_order_relaxed);
  if (oldest != 0) status.oldest = absl::FromUnixNanos(oldest);
  return status;
}

}  // namespace restate
