#ifndef RESTATE_SERVICE_SERVER_GRPC_TIMERS_H_
#define RESTATE_SERVICE_SERVER_GRPC_TIMERS_H_

namespace restate {

// Has gRPC run those of its timers (deadlines of calls, keepalive) that are due by
// the monotonic clock. Its own thread for them waits by the wall clock, in Debian's
// build of it, and stands still when that is set back: docs/decisions/0033. Cheap
// if none is due. REQUIRES: gRPC is in use.
void RunOverdueGrpcTimers();

}  // namespace restate

#endif  // RESTATE_SERVICE_SERVER_GRPC_TIMERS_H_
