#ifndef RESTATE_SERVICE_STREAMS_MESSAGE_SOURCE_H_
#define RESTATE_SERVICE_STREAMS_MESSAGE_SOURCE_H_

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace restate {

// What a MessageSource has to say.
enum class Supply {
  // `*message` was filled.
  kMessage,
  // Nothing now. Whoever made the source wakes the pump when there is.
  kNothingYet,
  // Nothing ever again; `*end` says why. OK ends the call well.
  kEnd,
};

// Where the messages of one server stream come from. One caller at a time.
template <typename Message>
class MessageSource {
 public:
  virtual ~MessageSource() = default;

  // Fills `*message`, which may hold an earlier message and is cleared first,
  // without blocking, unless MayBlock says so.
  virtual Supply Next(Message* message, absl::Status* end) = 0;

  // Whether Next may block after all, for a store in a network. Asked by the
  // one who is about to call Next.
  virtual bool MayBlock() const { return false; }

  // Whether Next, which had nothing, would have something now only because time
  // has passed. Asked about once a second while nobody is inside Next; called
  // with a lock held, so it takes none and is cheap.
  virtual bool Due(absl::Duration now) const { return false; }
};

}  // namespace restate

#endif  // RESTATE_SERVICE_STREAMS_MESSAGE_SOURCE_H_
