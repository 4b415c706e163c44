#ifndef RESTATE_SERVICE_SERVER_DESCRIPTOR_LIMIT_H_
#define RESTATE_SERVICE_SERVER_DESCRIPTOR_LIMIT_H_

namespace restate {

// Raises the number of files and connections that the process may have open (the
// soft limit, 1,024 at most places) to what it may raise it to (the hard one),
// up to 1,048,576. Says in the log if that is few.
void RaiseDescriptorLimit();

}  // namespace restate

#endif  // RESTATE_SERVICE_SERVER_DESCRIPTOR_LIMIT_H_
