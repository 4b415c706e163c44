#include "service/state/answer_size.h"

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {

absl::Status CheckAnswerSize(const google::protobuf::MessageLite& answer,
                             Revision revision, const RequestLimits& limits) {
  const size_t bytes = answer.ByteSizeLong();
  if (bytes <= limits.max_message_bytes) return absl::OkStatus();
  return MakeError(
      Reason::kReadTooLarge,
      absl::StrCat("the commit went through, but the values in its answer are ",
                   bytes, " bytes, more than a message may have, ",
                   limits.max_message_bytes, ": read them with StreamState"),
      {{"revision", absl::StrCat(revision)}});
}

}  // namespace restate
