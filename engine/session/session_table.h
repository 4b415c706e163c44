#ifndef RESTATE_ENGINE_SESSION_SESSION_TABLE_H_
#define RESTATE_ENGINE_SESSION_SESSION_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/backend/backend.h"
#include "engine/client/client_accounts.h"
#include "engine/client/client_id.h"
#include "engine/path/pattern.h"
#include "engine/subscription/event_stream.h"
#include "engine/subscription/session_request.h"
#include "engine/subscription/subscription_hub.h"
#include "engine/subscription/subscription_spec.h"
#include "engine/sync/mutex.h"

namespace restate {

// Bounds of sessions.
struct SessionLimits {
  // How long a session is kept without a stream.
  absl::Duration grace = absl::Seconds(60);
  // Of one session: subscriptions, and callbacks.
  size_t max_subscriptions = 10'000;
  // Of one session's queue.
  size_t max_queue_bytes = size_t{8} << 20;
};

// A session whose stream has begun.
struct OpenedSession {
  std::string session_id;
  // Whether it was there before.
  bool resumed = false;
  // The newest published revision.
  Revision revision = 0;
  std::unique_ptr<EventStream> stream;
};

// A callback that was subscribed.
struct SubscribedCallback {
  // 0 if the callback is missing, and that was to be ignored.
  int64_t subscription_id = 0;
  // Live, or resumed, as of this revision.
  Revision revision = 0;
};

// The sessions: who is there, with which callbacks, subscribed to what.
//
// A session is one queue (Receiver) that all its subscriptions share, so that
// the events of one operation reach it deepest first over all of them. Without a
// stream it lives on for the grace time, its queue filling up to its bound.
//
// Thread-safe. Lock order: this mutex before a Receiver's; it is never held while
// the sequencer is waited for. Outlives the streams it gives.
class SessionTable {
 public:
  // `ended` is called with the id of each session that is over, holding no lock:
  // presence ends with it, and `done` is to be called when it has.
  using EndedCallback = std::function<void(const std::string& session_id,
                                           absl::AnyInvocable<void()> done)>;
  // `resumed` is called with the id of each session that another stream has
  // taken up, holding no lock: who had asked it for something asks again.
  using ResumedCallback = std::function<void(const std::string& session_id)>;
  // The accounts say how many there may be, of one client and in all; they and the
  // hub outlive this.
  SessionTable(SessionLimits limits, ClientAccounts* accounts,
               SubscriptionHub* hub, EndedCallback ended,
               ResumedCallback resumed);
  ~SessionTable();

  // Opens a session or takes it up again; its older stream, if any, ends with
  // ABORTED / SESSION_TAKEN. An empty id is replaced by a new one.
  //   NOT_FOUND / SESSION_LOST: `resume` and there is none.
  //   INVALID_ARGUMENT / INVALID_REQUEST: no valid id.
  //   RESOURCE_EXHAUSTED / TOO_MANY_SESSIONS
  // A new one counts as `client`'s, with all that it holds.
  absl::StatusOr<OpenedSession> Open(std::string session_id, bool resume,
                                     ReadyCallback ready,
                                     const ClientId& client = ClientId());
  // Ends a session; blocks until what was bound to it is gone. NOT_FOUND /
  // SESSION_LOST.
  absl::Status Close(const std::string& session_id);
  // OK, or NOT_FOUND / SESSION_LOST.
  absl::Status Check(const std::string& session_id) const;
  // Whose account the session is on. NOT_FOUND / SESSION_LOST.
  absl::StatusOr<std::shared_ptr<ClientAccount>> AccountOf(
      const std::string& session_id) const;

  // Gives the callback's id. ALREADY_EXISTS / CALLBACK_EXISTS, NOT_FOUND /
  // SESSION_LOST, INVALID_ARGUMENT / INVALID_REQUEST, RESOURCE_EXHAUSTED /
  // TOO_MANY_SUBSCRIPTIONS.
  absl::StatusOr<std::string> RegisterCallback(const std::string& session_id,
                                               std::string callback_id,
                                               bool replace);
  // Whether it was there. NOT_FOUND / SESSION_LOST, CALLBACK_NOT_FOUND.
  absl::StatusOr<bool> UnregisterCallback(const std::string& session_id,
                                          const std::string& callback_id,
                                          bool ignore_missing);

  // Subscribes a callback, in place of an earlier subscription of it to the same
  // patterns. Blocks until the batch at hand is done. Errors of
  // SubscriptionHub::Add; NOT_FOUND / SESSION_LOST, CALLBACK_NOT_FOUND;
  // RESOURCE_EXHAUSTED / TOO_MANY_SUBSCRIPTIONS.
  absl::StatusOr<SubscribedCallback> SubscribeById(
      const std::string& session_id, const std::string& callback_id,
      SubscriptionSpec spec, bool ignore_missing);
  // Ends the subscription of a callback to these patterns, sorted and each once;
  // none means all of its subscriptions. Gives how many ended. NOT_FOUND /
  // SESSION_LOST, CALLBACK_NOT_FOUND, SUBSCRIPTION_NOT_FOUND.
  absl::StatusOr<int64_t> UnsubscribeById(
      const std::string& session_id, const std::string& callback_id,
      const std::vector<PathPattern>& patterns, bool ignore_missing);

  // Puts a SyncPoint behind everything up to `revision` (0: the newest
  // published one) and calls `done` with its id when its place is settled,
  // possibly on the sequencer's thread. NOT_FOUND / SESSION_LOST; OUT_OF_RANGE /
  // REVISION_IN_FUTURE; RESOURCE_EXHAUSTED / QUEUE_FULL; UNAVAILABLE /
  // OUTCOME_UNKNOWN, SHUTTING_DOWN.
  using SyncCallback = absl::AnyInvocable<void(absl::StatusOr<int64_t>)>;
  void Sync(const std::string& session_id, Revision revision,
            SyncCallback done);

  // Asks the client for something (Receiver::Ask). A session that is over is
  // asked nothing.
  void Ask(const std::string& session_id,
           std::shared_ptr<SessionRequest> request, bool urgent);

  // Ends the sessions whose grace time is over.
  void Tick(absl::Duration now);

  absl::Duration grace() const { return limits_.grace; }
  size_t count() const;

 private:
  struct Session;
  class SessionStream;

  absl::StatusOr<std::shared_ptr<Session>> Find(
      const std::string& session_id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A stream of the session was dropped.
  void Detached(const std::shared_ptr<Session>& session, uint64_t stream);
  // Subscriptions of it have ended by themselves.
  void SubscriptionsEnded(const std::shared_ptr<Session>& session,
                          const std::vector<EndedSubscription>& ended);
  // Ends a session that has been taken out of the table.
  void Finish(const std::shared_ptr<Session>& session,
              absl::AnyInvocable<void()> done);

  const SessionLimits limits_;
  ClientAccounts* const accounts_;
  SubscriptionHub* const hub_;
  const EndedCallback ended_;
  const ResumedCallback resumed_;

  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<Session>> sessions_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SESSION_SESSION_TABLE_H_
