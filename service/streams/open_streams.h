#ifndef RESTATE_SERVICE_STREAMS_OPEN_STREAMS_H_
#define RESTATE_SERVICE_STREAMS_OPEN_STREAMS_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "engine/sync/mutex.h"

namespace restate {

// A stream that is under way. Both calls come from any thread, hold no lock,
// and must not block.
class OpenStream {
 public:
  virtual ~OpenStream() = default;
  // The server is going: take nothing new, end after what is held.
  virtual void Drain() {}
  // Time has passed; called about once a second.
  virtual void CheckTime(absl::Duration now) {}
};

// Every stream that is under way, so that all can be told that the server is
// going, and so that it can wait for them. Owns them: a reactor adds itself
// when its call begins and removes itself, as the last thing, in OnDone.
//
// Thread-safe.
class OpenStreams {
 public:
  OpenStreams() = default;
  OpenStreams(const OpenStreams&) = delete;
  OpenStreams& operator=(const OpenStreams&) = delete;

  // Tells the stream to drain at once if the others have been told.
  void Add(std::shared_ptr<OpenStream> stream);
  // The stream may be destroyed before this returns.
  void Remove(const OpenStream* stream);

  // Tells all, and those that come later.
  void Drain();
  bool draining() const { return draining_.load(std::memory_order_acquire); }

  void CheckTime(absl::Duration now);

  size_t count() const;
  // Waits until there is none. False if some were left after `timeout`.
  bool WaitUntilNone(absl::Duration timeout);

 private:
  std::vector<std::shared_ptr<OpenStream>> All() const;

  std::atomic<bool> draining_ = false;
  mutable Mutex mutex_;
  CondVar removed_;
  absl::flat_hash_map<const OpenStream*, std::shared_ptr<OpenStream>> streams_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_SERVICE_STREAMS_OPEN_STREAMS_H_
