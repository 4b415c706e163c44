#ifndef RESTATE_SERVICE_ADMIN_RESTORE_STREAM_H_
#define RESTATE_SERVICE_ADMIN_RESTORE_STREAM_H_

#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <functional>
#include <memory>

#include "engine/backup/restorer.h"
#include "engine/controller/controller.h"
#include "restate/v1/backup.pb.h"
#include "service/metrics/call_counters.h"
#include "service/streams/open_streams.h"
#include "service/streams/work_thread.h"

namespace restate {

// What restores share. Thread-safe.
struct RestoreState {
  // Whether one is under way: there is at most one.
  std::atomic<bool> under_way = false;
  // How far it is, or the last one was.
  RestoreProgress progress;
};

// What a restore works with. All outlives the server's calls.
struct RestoreParts {
  Controller* controller = nullptr;
  OpenStreams* open_streams = nullptr;
  CountedCall counted;
  // Commits are waited for here.
  WorkThread* worker = nullptr;
  RestoreState* state = nullptr;
  RestoreOptions options;
};

// One call of Restore. Reads a message, has the worker write what is in it, and
// reads the next when that is durable.
//
// Everything after the start happens on the worker's thread, gRPC's callbacks
// only post: so nothing here needs a lock, and Finish is called once.
class RestoreStream final
    : public grpc::ServerReadReactor<v1::RestoreRequest>,
      public OpenStream,
      public std::enable_shared_from_this<RestoreStream> {
 public:
  // Starts reading. Owned by `parts.open_streams` until the call is done.
  static RestoreStream* Open(RestoreParts parts,
                             v1::RestoreResponse* response);
  ~RestoreStream() override;

  void OnReadDone(bool ok) override;
  void OnCancel() override {}
  void OnDone() override;
  void Drain() override;

 private:
  RestoreStream(RestoreParts parts, v1::RestoreResponse* response);

  void Post(std::function<void(RestoreStream*)> task);
  // The client has sent a message, or is done.
  void Take(bool ok);
  void End(const absl::Status& status);

  const RestoreParts parts_;
  v1::RestoreResponse* const response_;
  v1::RestoreRequest request_;
  // Null if another restore is under way.
  std::unique_ptr<Restorer> restorer_;
  bool finished_ = false;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_ADMIN_RESTORE_STREAM_H_
