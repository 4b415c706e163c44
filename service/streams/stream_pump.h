#ifndef RESTATE_SERVICE_STREAMS_STREAM_PUMP_H_
#define RESTATE_SERVICE_STREAMS_STREAM_PUMP_H_

#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/client/client_accounts.h"
#include "engine/clock/clock.h"
#include "engine/sync/mutex.h"
#include "service/adapters/status_adapter.h"
#include "service/metrics/call_counters.h"
#include "service/streams/message_source.h"
#include "service/streams/open_streams.h"
#include "service/streams/work_thread.h"
#include "service/streams/work_threads.h"

namespace restate {

// How a StreamPump is to run. What is pointed to outlives the server's calls.
struct StreamPumpOptions {
  OpenStreams* open_streams = nullptr;
  // Runs the pump after a wake-up.
  WorkThread* worker = nullptr;
  // Run it while its source may block. Needed if it ever may.
  WorkThreads* patient = nullptr;
  // Which call it is.
  CountedCall counted;
  // A reader that takes longer than this for one message is sent `overdue`, and
  // the source is let go of. Needs `clock` and OpenStreams::CheckTime.
  absl::Duration write_deadline = absl::InfiniteDuration();
  absl::Status overdue = absl::OkStatus();
  const Clock* clock = nullptr;
  // What the stream holds of its client's account until the call is done.
  Hold hold;
};

// One source of messages -> one server stream: the reactor of every stream that
// only the server writes.
//
// At any moment it does one of these:
//
//   opening   waits for Begin
//   taking    one thread is inside MessageSource::Next
//   writing   one message is with gRPC; nothing else happens until it is out
//   idle      the source had nothing; waits for a wake-up, or for its time
//   finished  Finish was called, exactly once; the source is gone
//
//   opening -> taking -> writing -> taking ...    or  taking -> idle -> taking
//
// and any of them -> finished: at the source's end, when the client goes, and
// when a message is overdue. The source is dropped at that moment, not when
// gRPC gets round to OnDone: a subscription or a pinned state ends with its
// reader.
//
// Thread-safe. The lock is never held across gRPC or the source: both may call
// back.
template <typename Message>
class StreamPump final
    : public grpc::ServerWriteReactor<Message>,
      public OpenStream,
      public std::enable_shared_from_this<StreamPump<Message>> {
 public:
  using Source = MessageSource<Message>;

  // Starts in `opening`, owned by `options.open_streams` until the call is
  // done.
  static std::shared_ptr<StreamPump> Open(StreamPumpOptions options) {
    std::shared_ptr<StreamPump> pump(new StreamPump(std::move(options)));
    pump->options_.open_streams->Add(pump);
    return pump;
  }

  // Starts pumping, on this thread, or ends the call with why there is no
  // source. Once.
  void Begin(absl::StatusOr<std::unique_ptr<Source>> source) {
    {
      MutexLock lock(&mutex_);
      // Gone while opening: `source` is dropped on return.
      if (state_ == State::kFinished) return;
      if (source.ok()) {
        source_ = *std::move(source);
        state_ = State::kTaking;
      } else {
        state_ = State::kFinished;
      }
    }
    if (source.ok()) {
      Pump();
    } else {
      End(ToGrpcStatus(source.status()));
    }
  }

  // What whoever fills the source calls when there is something again. May be
  // called on any thread, also after the call has ended; does nearly nothing
  // itself.
  absl::AnyInvocable<void()> Waker() {
    return [weak = this->weak_from_this(), worker = options_.worker] {
      if (auto pump = weak.lock()) {
        worker->Post([pump = std::move(pump)] { pump->Wake(); });
      }
    };
  }

  void CheckTime(absl::Duration now) override {
    std::unique_ptr<Source> dropped;
    {
      MutexLock lock(&mutex_);
      if (state_ == State::kIdle && source_->Due(now)) {
        options_.worker->Post([pump = this->shared_from_this()] {
          pump->Wake();
        });
        return;
      }
      if (state_ != State::kWriting || cancelled_ ||
          now - write_began_ <= options_.write_deadline) {
        return;
      }
      dropped = FinishLocked();
    }
    // The message that is under way stays so: the reader finds the status
    // behind it.
    End(ToGrpcStatus(options_.overdue));
  }

  void OnWriteDone(bool ok) override {
    // A stream that has nothing to say holds no message.
    message_.Clear();
    std::unique_ptr<Source> dropped;
    bool finish = false;
    {
      MutexLock lock(&mutex_);
      if (state_ == State::kFinished) return;
      write_began_ = absl::InfiniteDuration();
      if (cancelled_ || !ok) {
        dropped = FinishLocked();
        finish = true;
      } else {
        state_ = State::kTaking;
      }
    }
    if (finish) {
      End(grpc::Status::CANCELLED);
    } else {
      Pump();
    }
  }

  void OnCancel() override {
    std::unique_ptr<Source> dropped;
    {
      MutexLock lock(&mutex_);
      cancelled_ = true;
      if (state_ == State::kWriting) {
        // OnWriteDone finishes.
        dropped = std::move(source_);
        return;
      }
      // The thread that takes sees `cancelled_` when it is back.
      if (state_ == State::kTaking || state_ == State::kFinished) return;
      dropped = FinishLocked();
    }
    End(grpc::Status::CANCELLED);
  }

  // Destroys the pump unless a wake-up still holds it.
  void OnDone() override { options_.open_streams->Remove(this); }

 private:
  enum class State { kOpening, kTaking, kWriting, kIdle, kFinished };

  explicit StreamPump(StreamPumpOptions options)
      : options_(std::move(options)) {}

  // Once, without the lock.
  void End(const grpc::Status& status) {
    options_.counted.End(status.error_code());
    this->Finish(status);
  }

  void Wake() {
    {
      MutexLock lock(&mutex_);
      if (state_ == State::kTaking) woken_ = true;
      if (state_ != State::kIdle) return;
      state_ = State::kTaking;
    }
    Pump();
  }

  // REQUIRES: `kTaking`, entered by the caller. Never blocks.
  void Pump() {
    if (!source_->MayBlock()) return Take();
    options_.patient->Next()->Post(
        [self = this->shared_from_this()] { self->Take(); });
  }

  // The same, on a thread that may wait if the source may.
  void Take() {
    // gRPC may be done with the call before StartWrite returns.
    const auto self = this->shared_from_this();
    absl::Status end;
    std::unique_ptr<Source> dropped;
    uint64_t write = 0;
    const Supply supply = source_->Next(&message_, &end);
    bool again = false;
    {
      MutexLock lock(&mutex_);
      if (cancelled_) {
        end = absl::CancelledError("the client has gone");
        dropped = FinishLocked();
      } else if (supply == Supply::kEnd) {
        dropped = FinishLocked();
      } else if (supply == Supply::kMessage) {
        state_ = State::kWriting;
        write = ++writes_;
      } else {
        // Woken while the source was saying that it has nothing: ask again.
        again = std::exchange(woken_, false);
        if (!again) {
          state_ = State::kIdle;
          return;
        }
      }
    }
    if (again) return Pump();
    if (write == 0) {
      dropped.reset();
      End(ToGrpcStatus(end));
      return;
    }
    this->StartWrite(&message_);
    if (options_.write_deadline == absl::InfiniteDuration()) return;
    // Only now may the write be overdue: Finish must not overtake StartWrite.
    MutexLock lock(&mutex_);
    if (state_ == State::kWriting && writes_ == write) {
      write_began_ = options_.clock->Monotonic();
    }
  }

  // The caller drops what this returns, and then calls Finish, both without the
  // lock.
  std::unique_ptr<Source> FinishLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    state_ = State::kFinished;
    return std::move(source_);
  }

  const StreamPumpOptions options_;

  // Used by the thread that takes, and by gRPC while writing.
  Message message_;
  // Used by the thread that takes; otherwise changed under the lock.
  std::unique_ptr<Source> source_;

  Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kOpening;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  // A wake-up came while taking.
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  // Tells the writes apart.
  uint64_t writes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration write_began_ ABSL_GUARDED_BY(mutex_) =
      absl::InfiniteDuration();
};

}  // namespace restate

#endif  // RESTATE_SERVICE_STREAMS_STREAM_PUMP_H_
