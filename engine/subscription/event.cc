#include "engine/subscription/event.h"

namespace restate {
namespace {

// What an event takes beside its values and paths.
constexpr size_t kEventBytes = 96;

size_t BytesOf(const Tree& value) {
  return value.has_value() ? value->ByteSize() : 0;
}

}  // namespace

size_t Emission::ByteSize() const {
  return kEventBytes + emitting_path.key().size() + BytesOf(prev_value) +
         BytesOf(new_value) + BytesOf(payload);
}

size_t Event::ByteSize() const {
  return emission->bytes + current_path.key().size() + pattern->key().size();
}

}  // namespace restate
