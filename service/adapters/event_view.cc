#include "service/adapters/event_view.h"

namespace restate {
namespace {

// A packed view has the shared index in its lowest bits, and above them the
// bound on values, 0 where it leaves nothing out.
constexpr int kIndexBits = 3;
constexpr int kEncodings = 2;

static_assert(1 << kIndexBits == EncodedViews::kViews);
static_assert(kMaxEventValueBytes << kIndexBits <= 0x7FFFFFFF);

}  // namespace

EventView ViewOf(const v1::SubscribeRequest& request) {
  EventView view;
  if (request.values() != v1::EVENT_VALUES_UNSPECIFIED) {
    view.values = request.values();
  }
  if (request.encoding() != v1::VALUE_ENCODING_UNSPECIFIED) {
    view.encoding = request.encoding();
  }
  if (request.max_value_bytes() != 0) {
    view.max_value_bytes = static_cast<size_t>(request.max_value_bytes());
  }
  return view;
}

size_t SharedIndex(const EventView& view) {
  const int values = view.values - v1::EVENT_VALUES_BOTH;
  const int encoding = view.encoding - v1::VALUE_ENCODING_JSON;
  return static_cast<size_t>(values * kEncodings + encoding);
}

int PackView(const EventView& view) {
  const size_t bound =
      view.max_value_bytes == kMaxEventValueBytes ? 0 : view.max_value_bytes;
  return static_cast<int>(bound << kIndexBits | SharedIndex(view));
}

EventView UnpackView(int packed) {
  const int index = packed & ((1 << kIndexBits) - 1);
  const int bound = packed >> kIndexBits;
  EventView view;
  view.values = static_cast<v1::EventValues>(v1::EVENT_VALUES_BOTH +
                                             index / kEncodings);
  view.encoding = static_cast<v1::ValueEncoding>(v1::VALUE_ENCODING_JSON +
                                                 index % kEncodings);
  if (bound != 0) view.max_value_bytes = static_cast<size_t>(bound);
  return view;
}

}  // namespace restate
