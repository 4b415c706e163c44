#include "engine/subscription/bundle_builder.h"

#include <iterator>
#include <utility>

namespace restate {

BundleBuilder::Ready BundleBuilder::Add(
    std::shared_ptr<const Delivery> delivery) {
  Ready ready;
  if (single_) {
    ready.single.push_back(std::move(delivery));
    return ready;
  }
  const size_t bytes = delivery->ByteSize();
  if (!HasRoomFor(bytes)) ready.bundle = TakeWhole();
  if (!HasRoomFor(bytes)) {
    ready.single = std::move(open_->deliveries);
    open_ = nullptr;
  }
  if (open_ == nullptr && (!ready.single.empty() || bytes > kMaxBytes)) {
    single_ = true;
    ready.single.push_back(std::move(delivery));
    return ready;
  }
  if (open_ == nullptr) open_ = std::make_shared<EventBundle>();
  open_->deliveries.push_back(std::move(delivery));
  open_->bytes += bytes;
  return ready;
}

void BundleBuilder::EndCommit() {
  whole_ = open_ == nullptr ? 0 : open_->size();
  single_ = false;
}

BundleBuilder::Ready BundleBuilder::TakeAll() {
  Ready ready;
  ready.bundle = TakeWhole();
  if (open_ != nullptr) {
    ready.single = std::move(open_->deliveries);
    open_ = nullptr;
    single_ = true;
  }
  return ready;
}

std::shared_ptr<const EventBundle> BundleBuilder::TakeWhole() {
  if (open_ == nullptr || whole_ == 0) return nullptr;
  std::shared_ptr<EventBundle> taken = std::move(open_);
  open_ = nullptr;
  const auto rest = taken->deliveries.begin() + static_cast<ptrdiff_t>(whole_);
  if (rest != taken->deliveries.end()) {
    open_ = std::make_shared<EventBundle>();
    open_->deliveries.assign(std::make_move_iterator(rest),
                             std::make_move_iterator(taken->deliveries.end()));
    for (const auto& delivery : open_->deliveries) {
      open_->bytes += delivery->ByteSize();
    }
    taken->deliveries.erase(rest, taken->deliveries.end());
    taken->bytes -= open_->bytes;
  }
  whole_ = 0;
  return taken;
}

}  // namespace restate
