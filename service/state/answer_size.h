#ifndef RESTATE_SERVICE_STATE_ANSWER_SIZE_H_
#define RESTATE_SERVICE_STATE_ANSWER_SIZE_H_

#include <google/protobuf/message_lite.h>

#include "absl/status/status.h"
#include "engine/backend/backend.h"
#include "service/adapters/limits.h"

namespace restate {

// OK if the answer to a commit fits into a message. Otherwise
// RESOURCE_EXHAUSTED / READ_TOO_LARGE with the commit's revision in its
// metadata: what was asked for was done, and only the values cannot be told.
absl::Status CheckAnswerSize(const google::protobuf::MessageLite& answer,
                             Revision revision, const RequestLimits& limits);

}  // namespace restate

#endif  // RESTATE_SERVICE_STATE_ANSWER_SIZE_H_
