#include "engine/subscription/event.h"

#include <utility>

namespace restate {
namespace {

// What an event takes beside its values and paths.
constexpr size_t kEventBytes = 96;

size_t BytesOf(const Tree& value) {
  return value.has_value() ? value->ByteSize() : 0;
}

}  // namespace

size_t Emission::ByteSize() const {
  return kEventBytes + emitting_path.key().size() +
         derivation.key().size() + BytesOf(prev_value) +
         BytesOf(new_value) + BytesOf(payload);
}

EncodedViews::~EncodedViews() {
  for (std::atomic<const std::string*>& view : views_) delete view.load();
}

const std::string& EncodedViews::Keep(size_t view, std::string bytes) const {
  auto* mine = new std::string(std::move(bytes));
  const std::string* present = nullptr;
  if (views_[view].compare_exchange_strong(present, mine,
                                           std::memory_order_acq_rel)) {
    return *mine;
  }
  delete mine;
  return *present;
}

size_t Delivery::ByteSize() const {
  // Twice: as values, and as the bytes that somebody faster may have made of
  // them, which live as long.
  return 2 * (emission->bytes + current_path.key().size() +
              pattern->key().size());
}

}  // namespace restate
