#include "engine/session/session_table.h"

#include <algorithm>
#include <future>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/backend/epoch.h"
#include "engine/error/error.h"
#include "engine/path/utf8.h"

namespace restate {
namespace {

constexpr size_t kMaxSessionIdBytes = 128;
constexpr size_t kMaxCallbackIdBytes = 255;

absl::Status SessionLost(const std::string& session_id) {
  return MakeError(
      Reason::kSessionLost,
      absl::StrCat("there is no session '", session_id,
                   "': it was closed, its grace time is over, or the server "
                   "was restarted; open one, register the callbacks, and "
                   "subscribe from the last tokens"),
      {{"session_id", session_id}});
}

absl::Status CallbackNotFound(const std::string& callback_id) {
  return MakeError(Reason::kCallbackNotFound,
                   absl::StrCat("the session has no callback '", callback_id,
                                "': register it first"),
                   {{"callback_id", callback_id}});
}

absl::Status CheckSessionId(const std::string& id) {
  const bool valid =
      id.size() <= kMaxSessionIdBytes &&
      std::all_of(id.begin(), id.end(), [](unsigned char c) {
        return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == ':' ||
               c == '-';
      });
  if (valid) return absl::OkStatus();
  return MakeError(Reason::kInvalidRequest,
                   "session_id must be at most 128 bytes of A-Z a-z 0-9 . _ : "
                   "-; leave it empty to be given one");
}

absl::Status CheckCallbackId(const std::string& id) {
  if (id.size() <= kMaxCallbackIdBytes && IsValidUtf8(id)) {
    return absl::OkStatus();
  }
  return MakeError(Reason::kInvalidRequest,
                   "callback_id must be at most 255 bytes of UTF-8; leave it "
                   "empty to be given one");
}

}  // namespace

// Its id, its queue, and its callbacks with their subscriptions.
struct SessionTable::Session {
  Session(std::string session_id, Hold its_hold,
          std::shared_ptr<Receiver> its_receiver)
      : id(std::move(session_id)),
        hold(std::move(its_hold)),
        receiver(std::move(its_receiver)) {}

  const std::string id;
  // Given back when it is over, and not only when the last reader has gone.
  Hold hold;
  const std::shared_ptr<Receiver> receiver;

  // Guarded by SessionTable::mutex_.
  using Patterns = std::vector<PathPattern>;
  absl::btree_map<std::string, absl::btree_map<Patterns, int64_t>> callbacks;
  size_t subscriptions = 0;
  uint64_t stream = 0;
  bool attached = false;
  absl::Duration detached_at = -absl::InfiniteDuration();
};

// The stream of a session; dropping it starts the grace time.
class SessionTable::SessionStream final : public EventStream {
 public:
  SessionStream(SessionTable* table, std::shared_ptr<Session> session,
                uint64_t stream)
      : table_(table), session_(std::move(session)), stream_(stream) {}
  ~SessionStream() override {
    session_->receiver->Detach(stream_);
    table_->Detached(session_, stream_);
  }

  absl::StatusOr<bool> Take(size_t max_bytes, size_t max_events,
                            absl::Duration now, Parcel* parcel) override {
    absl::StatusOr<bool> taken = session_->receiver->Take(
        stream_, max_bytes, max_events, now, parcel);
    if (taken.ok() && !parcel->ended.empty()) {
      table_->SubscriptionsEnded(session_, parcel->ended);
    }
    return taken;
  }
  bool MayWait() const override { return session_->receiver->MayWait(); }
  bool HeartbeatDue(absl::Duration now) const override {
    return session_->receiver->HeartbeatDue(now);
  }

 private:
  SessionTable* const table_;
  const std::shared_ptr<Session> session_;
  const uint64_t stream_;
};

SessionTable::SessionTable(SessionLimits limits, ClientAccounts* accounts,
                           SubscriptionHub* hub, EndedCallback ended,
                           ResumedCallback resumed)
    : limits_(limits),
      accounts_(accounts),
      hub_(hub),
      ended_(std::move(ended)),
      resumed_(std::move(resumed)) {}

SessionTable::~SessionTable() = default;

absl::StatusOr<std::shared_ptr<SessionTable::Session>> SessionTable::Find(
    const std::string& session_id) const {
  auto it = sessions_.find(session_id);
  if (it == sessions_.end()) return SessionLost(session_id);
  return it->second;
}

absl::StatusOr<OpenedSession> SessionTable::Open(std::string session_id,
                                                 bool resume,
                                                 ReadyCallback ready,
                                                 const ClientId& client) {
  if (absl::Status status = CheckSessionId(session_id); !status.ok()) {
    return status;
  }
  if (session_id.empty() && resume) {
    return MakeError(Reason::kInvalidRequest,
                     "resume needs the session_id to take up again");
  }
  OpenedSession opened;
  std::shared_ptr<Session> session;
  {
    MutexLock lock(&mutex_);
    auto it = sessions_.find(session_id);
    if (!session_id.empty() && it != sessions_.end()) {
      session = it->second;
      opened.resumed = true;
    } else if (resume) {
      return SessionLost(session_id);
    } else {
      std::shared_ptr<ClientAccount> account = accounts_->AccountOf(client);
      absl::StatusOr<Hold> hold = account->Take(Holding::kSessions);
      if (!hold.ok()) return hold.status();
      if (session_id.empty()) session_id = NewEpoch();
      session = std::make_shared<Session>(
          session_id, *std::move(hold),
          hub_->NewReceiver(limits_.max_queue_bytes, std::move(account)));
      sessions_[session_id] = session;
    }
    session->attached = true;
    session->stream = session->receiver->Attach(std::move(ready));
    opened.stream =
        std::make_unique<SessionStream>(this, session, session->stream);
  }
  if (opened.resumed) resumed_(session->id);
  opened.session_id = session->id;
  opened.revision = hub_->sequencer().publication().Newest()->revision();
  return opened;
}

void SessionTable::Detached(const std::shared_ptr<Session>& session,
                            uint64_t stream) {
  MutexLock lock(&mutex_);
  if (session->stream != stream) return;
  session->attached = false;
  // The next Tick begins the grace time: it has the clock.
  session->detached_at = -absl::InfiniteDuration();
}

void SessionTable::SubscriptionsEnded(
    const std::shared_ptr<Session>& session,
    const std::vector<EndedSubscription>& ended) {
  MutexLock lock(&mutex_);
  for (const EndedSubscription& one : ended) {
    auto callback = session->callbacks.find(one.callback_id);
    if (callback == session->callbacks.end()) continue;
    for (auto it = callback->second.begin(); it != callback->second.end();
         ++it) {
      if (it->second != one.subscription_id) continue;
      callback->second.erase(it);
      --session->subscriptions;
      break;
    }
  }
}

absl::Status SessionTable::Close(const std::string& session_id) {
  std::shared_ptr<Session> session;
  {
    MutexLock lock(&mutex_);
    absl::StatusOr<std::shared_ptr<Session>> found = Find(session_id);
    if (!found.ok()) return found.status();
    session = *std::move(found);
    sessions_.erase(session_id);
  }
  auto done = std::make_shared<std::promise<void>>();
  Finish(session, [done] { done->set_value(); });
  done->get_future().wait();
  return absl::OkStatus();
}

void SessionTable::Finish(const std::shared_ptr<Session>& session,
                          absl::AnyInvocable<void()> done) {
  std::vector<int64_t> ids;
  {
    MutexLock lock(&mutex_);
    for (const auto& [callback_id, subscriptions] : session->callbacks) {
      for (const auto& [patterns, id] : subscriptions) ids.push_back(id);
    }
    session->callbacks.clear();
    session->hold = Hold();
  }
  for (int64_t id : ids) hub_->Remove(id);
  session->receiver->End(SessionLost(session->id));
  ended_(session->id, std::move(done));
}

absl::Status SessionTable::Check(const std::string& session_id) const {
  MutexLock lock(&mutex_);
  return Find(session_id).status();
}

absl::StatusOr<std::shared_ptr<ClientAccount>> SessionTable::AccountOf(
    const std::string& session_id) const {
  MutexLock lock(&mutex_);
  const absl::StatusOr<std::shared_ptr<Session>> session = Find(session_id);
  if (!session.ok()) return session.status();
  return (*session)->receiver->account();
}

absl::StatusOr<std::string> SessionTable::RegisterCallback(
    const std::string& session_id, std::string callback_id, bool replace) {
  if (absl::Status status = CheckCallbackId(callback_id); !status.ok()) {
    return status;
  }
  MutexLock lock(&mutex_);
  absl::StatusOr<std::shared_ptr<Session>> session = Find(session_id);
  if (!session.ok()) return session.status();
  if (callback_id.empty()) callback_id = NewEpoch();
  const bool is_new = !(*session)->callbacks.contains(callback_id);
  if (is_new && (*session)->callbacks.size() >= limits_.max_subscriptions) {
    return MakeError(
        Reason::kTooManySubscriptions,
        absl::StrCat("the session has ", (*session)->callbacks.size(),
                     " callbacks, as many as it may: unregister some, or "
                     "subscribe one to several patterns"),
        {{"limit", absl::StrCat(limits_.max_subscriptions)}});
  }
  (*session)->callbacks.try_emplace(callback_id);
  if (!is_new && !replace) {
    return MakeError(
        Reason::kCallbackExists,
        absl::StrCat("the session has a callback '", callback_id,
                     "' already: choose another id, or set replace"),
        {{"callback_id", callback_id}});
  }
  return callback_id;
}

absl::StatusOr<bool> SessionTable::UnregisterCallback(
    const std::string& session_id, const std::string& callback_id,
    bool ignore_missing) {
  std::vector<int64_t> ids;
  {
    MutexLock lock(&mutex_);
    absl::StatusOr<std::shared_ptr<Session>> session = Find(session_id);
    if (!session.ok()) return session.status();
    auto callback = (*session)->callbacks.find(callback_id);
    if (callback == (*session)->callbacks.end()) {
      if (ignore_missing) return false;
      return CallbackNotFound(callback_id);
    }
    for (const auto& [patterns, id] : callback->second) ids.push_back(id);
    (*session)->subscriptions -= ids.size();
    (*session)->callbacks.erase(callback);
  }
  for (int64_t id : ids) hub_->Remove(id);
  return true;
}

absl::StatusOr<SubscribedCallback> SessionTable::SubscribeById(
    const std::string& session_id, const std::string& callback_id,
    SubscriptionSpec spec, bool ignore_missing) {
  std::shared_ptr<Session> session;
  auto room = SubscriptionHub::Room::kMustBe;
  {
    MutexLock lock(&mutex_);
    absl::StatusOr<std::shared_ptr<Session>> found = Find(session_id);
    if (!found.ok()) return found.status();
    session = *std::move(found);
    auto callback = session->callbacks.find(callback_id);
    if (callback == session->callbacks.end()) {
      if (ignore_missing) return SubscribedCallback();
      return CallbackNotFound(callback_id);
    }
    if (callback->second.contains(spec.patterns)) {
      room = SubscriptionHub::Room::kIsTakenOver;
    } else if (session->subscriptions >= limits_.max_subscriptions) {
      return MakeError(
          Reason::kTooManySubscriptions,
          absl::StrCat("the session has ", session->subscriptions,
                       " subscriptions, as many as it may: use wildcards, or "
                       "several patterns in one"),
          {{"limit", absl::StrCat(limits_.max_subscriptions)}});
    }
  }
  const std::vector<PathPattern> patterns = spec.patterns;
  absl::StatusOr<SubscriptionHub::Added> added = hub_->Add(
      session->receiver, std::move(spec), session->id, callback_id, room);
  if (!added.ok()) return added.status();
  // The one whose place it takes; the new one, if there is no place any more.
  int64_t replaced = 0;
  absl::Status gone;
  {
    MutexLock lock(&mutex_);
    absl::StatusOr<std::shared_ptr<Session>> found = Find(session_id);
    auto callback = session->callbacks.find(callback_id);
    if (!found.ok() || *found != session) {
      gone = SessionLost(session_id);
    } else if (callback == session->callbacks.end()) {
      gone = CallbackNotFound(callback_id);
    } else {
      int64_t& place = callback->second[patterns];
      replaced = std::exchange(place, added->id);
      if (replaced == 0) ++session->subscriptions;
    }
  }
  if (!gone.ok()) {
    hub_->Remove(added->id);
    return gone;
  }
  if (replaced != 0) hub_->Remove(replaced);
  return SubscribedCallback{added->id, added->revision};
}

absl::StatusOr<int64_t> SessionTable::UnsubscribeById(
    const std::string& session_id, const std::string& callback_id,
    const std::vector<PathPattern>& patterns, bool ignore_missing) {
  std::vector<int64_t> ids;
  {
    MutexLock lock(&mutex_);
    absl::StatusOr<std::shared_ptr<Session>> session = Find(session_id);
    if (!session.ok()) return session.status();
    auto callback = (*session)->callbacks.find(callback_id);
    if (callback == (*session)->callbacks.end()) {
      if (ignore_missing) return 0;
      return CallbackNotFound(callback_id);
    }
    if (patterns.empty()) {
      for (const auto& [its_patterns, id] : callback->second) {
        ids.push_back(id);
      }
      callback->second.clear();
    } else if (auto it = callback->second.find(patterns);
               it != callback->second.end()) {
      ids.push_back(it->second);
      callback->second.erase(it);
    }
    (*session)->subscriptions -= ids.size();
  }
  if (ids.empty() && !ignore_missing) {
    return MakeError(Reason::kSubscriptionNotFound,
                     absl::StrCat("the callback '", callback_id,
                                  "' is not subscribed to these patterns "
                                  "together"),
                     {{"callback_id", callback_id}});
  }
  for (int64_t id : ids) hub_->Remove(id);
  return static_cast<int64_t>(ids.size());
}

void SessionTable::Sync(const std::string& session_id, Revision revision,
                        SyncCallback done) {
  std::shared_ptr<Receiver> receiver;
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    absl::StatusOr<std::shared_ptr<Session>> session = Find(session_id);
    status = session.status();
    if (session.ok()) receiver = (*session)->receiver;
  }
  if (!status.ok()) return done(status);
  hub_->Sync(receiver, revision, std::move(done));
}

void SessionTable::Ask(const std::string& session_id,
                       std::shared_ptr<SessionRequest> request, bool urgent) {
  std::shared_ptr<Receiver> receiver;
  {
    MutexLock lock(&mutex_);
    auto it = sessions_.find(session_id);
    if (it == sessions_.end()) return;
    receiver = it->second->receiver;
  }
  receiver->Ask(std::move(request), urgent);
}

void SessionTable::Tick(absl::Duration now) {
  std::vector<std::shared_ptr<Session>> over;
  {
    MutexLock lock(&mutex_);
    for (const auto& [id, session] : sessions_) {
      if (session->attached) continue;
      if (session->detached_at == -absl::InfiniteDuration()) {
        session->detached_at = now;
      }
      if (now - session->detached_at >= limits_.grace) over.push_back(session);
    }
    for (const std::shared_ptr<Session>& session : over) {
      sessions_.erase(session->id);
    }
  }
  for (const std::shared_ptr<Session>& session : over) {
    Finish(session, [] {});
  }
}

size_t SessionTable::count() const {
  MutexLock lock(&mutex_);
  return sessions_.size();
}

}  // namespace restate
