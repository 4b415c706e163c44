#include "service/server/grpc_timers.h"

// Declared in a header of gRPC's that is not installed
// (src/core/lib/iomgr/timer_manager.h). If a later gRPC has it no more, this does
// not link: then look whether its timers still wait by the wall clock.
void grpc_timer_manager_tick();

namespace restate {

void RunOverdueGrpcTimers() { grpc_timer_manager_tick(); }

}  // namespace restate
