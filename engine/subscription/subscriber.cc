#include "engine/subscription/subscriber.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {

bool Subscriber::Wants(const Emission& emission,
                       const Path& current_path) const {
  if (spec_.exact && emission.emitting_path != current_path) return false;
  return spec_.kinds.empty() ||
         std::find(spec_.kinds.begin(), spec_.kinds.end(), emission.kind) !=
             spec_.kinds.end();
}

void Subscriber::Flush() {
  size_t bytes = 0;
  for (const Event& event : staged_) bytes += event.ByteSize();
  {
    MutexLock lock(&mutex_);
    if (!end_.ok()) {
      // Already over.
    } else if (queued_bytes_ + bytes > spec_.max_queue_bytes &&
               !queue_.empty()) {
      // A single commit larger than the bound goes through an empty queue:
      // reading faster could not have helped.
      end_ = MakeError(
          Reason::kSlowSubscriber,
          absl::StrCat("the subscriber did not keep up: its queue of ",
                       spec_.max_queue_bytes, " bytes is full before revision ",
                       staged_.front().emission->revision,
                       "; subscribe again with a snapshot, and read faster or "
                       "listen to less"),
          {{"lost_from_revision",
            absl::StrCat(staged_.front().emission->revision)}});
    } else {
      queued_bytes_ += bytes;
      queue_.insert(queue_.end(), std::make_move_iterator(staged_.begin()),
                    std::make_move_iterator(staged_.end()));
    }
  }
  staged_.clear();
}

void Subscriber::WakeIfWaiting() {
  {
    MutexLock lock(&mutex_);
    if (!std::exchange(waiting_, false)) return;
  }
  ready_();
}

void Subscriber::End(absl::Status why) {
  MutexLock lock(&mutex_);
  if (end_.ok()) end_ = std::move(why);
}

bool Subscriber::ended() const {
  MutexLock lock(&mutex_);
  return !end_.ok();
}

absl::StatusOr<bool> Subscriber::TakeQueued(size_t max_bytes,
                                            size_t max_events,
                                            EventBatch* batch) {
  MutexLock lock(&mutex_);
  if (queue_.empty()) {
    if (!end_.ok()) return end_;
    waiting_ = true;
    return false;
  }
  size_t bytes = 0;
  while (!queue_.empty() && batch->events.size() < max_events) {
    const size_t next = queue_.front().ByteSize();
    if (!batch->events.empty() && bytes + next > max_bytes) break;
    bytes += next;
    batch->events.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_bytes_ -= bytes;
  const Revision last = batch->events.back().emission->revision;
  const bool inside_a_revision =
      !queue_.empty() && queue_.front().emission->revision == last;
  batch->revision = inside_a_revision ? 0 : last;
  return true;
}

}  // namespace restate
