#ifndef RESTATE_SERVICE_SERVER_LOGGING_H_
#define RESTATE_SERVICE_SERVER_LOGGING_H_

#include <string>

namespace restate {

// Sends the log, gRPC's included, to standard error, one line a message, with
// UTC times. `level` is one that CheckLogLevel takes. Call once, early.
void StartLogging(const std::string& level);

}  // namespace restate

#endif  // RESTATE_SERVICE_SERVER_LOGGING_H_
