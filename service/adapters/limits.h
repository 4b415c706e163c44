#ifndef RESTATE_SERVICE_ADAPTERS_LIMITS_H_
#define RESTATE_SERVICE_ADAPTERS_LIMITS_H_

#include <cstddef>

#include "engine/tree/tree.h"

namespace restate {

// What one request may ask for. The configuration sets them; passing one is an
// error that names it.
struct RequestLimits {
  // Bytes of one leaf, and of a payload; own values of one written map.
  tree::WriteLimits write;
  // Operations of a transaction, and, counted by themselves, its preconditions.
  size_t max_operations = 10'000;
  // Patterns of a subscription.
  size_t max_patterns = 10'000;
  // Paths of a BatchGetState.
  size_t max_batch_paths = 10'000;
  // Bytes of one message, either way.
  size_t max_message_bytes = size_t{16} << 20;
  // Bytes of what one read answers, as Value::ByteSize counts. Below the
  // message limit, so that an answer with its frame always fits.
  size_t max_read_bytes = size_t{15} << 20;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_LIMITS_H_
