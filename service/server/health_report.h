#ifndef RESTATE_SERVICE_SERVER_HEALTH_REPORT_H_
#define RESTATE_SERVICE_SERVER_HEALTH_REPORT_H_

#include <grpcpp/health_check_service_interface.h>

#include "absl/base/thread_annotations.h"
#include "engine/sync/mutex.h"

namespace restate {

// What grpc.health.v1 says: SERVING while writes are taken. It follows at once,
// so that whoever was refused a write finds it said already.
//
// Thread-safe. gRPC is told under the lock, so that it hears what was last; it
// only queues what it has to send.
class HealthReport {
 public:
  // Whether writes are taken, from now on.
  void Report(bool taking_writes);

  // Says it to `service`, which is gRPC's and stays until Stop.
  void Start(grpc::HealthCheckServiceInterface* service);
  // Says NOT_SERVING for good.
  void Stop();

 private:
  void Tell() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  bool taking_writes_ ABSL_GUARDED_BY(mutex_) = true;
  // Null before Start and after Stop.
  grpc::HealthCheckServiceInterface* service_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_SERVER_HEALTH_REPORT_H_
