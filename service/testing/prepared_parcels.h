#ifndef RESTATE_SERVICE_TESTING_PREPARED_PARCELS_H_
#define RESTATE_SERVICE_TESTING_PREPARED_PARCELS_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/path/pattern.h"
#include "engine/subscription/event.h"
#include "engine/subscription/event_stream.h"

namespace restate {

// A stream that hands over prepared parcels, then has nothing once, and then
// ends.
class PreparedParcels final : public EventStream {
 public:
  // What Take was asked for, kept outside the stream.
  struct Asked {
    size_t max_bytes = 0;
    absl::Duration now;
  };

  PreparedParcels(std::deque<Parcel> parcels, absl::Status end,
                  Asked* asked = nullptr)
      : parcels_(std::move(parcels)), end_(std::move(end)), asked_(asked) {}

  absl::StatusOr<bool> Take(size_t max_bytes, size_t max_events,
                            absl::Duration now, Parcel* parcel) override {
    if (asked_ != nullptr) *asked_ = {max_bytes, now};
    if (parcels_.empty()) {
      if (std::exchange(waited_, true)) return end_;
      return false;
    }
    *parcel = std::move(parcels_.front());
    parcels_.pop_front();
    return true;
  }

  // Due once its first minute is over.
  bool HeartbeatDue(absl::Duration now) const override {
    return now >= absl::Minutes(1);
  }

 private:
  std::deque<Parcel> parcels_;
  const absl::Status end_;
  Asked* const asked_;
  bool waited_ = false;
};

// A SET of a string at /a in revision 3, told there to "/*".
inline Event SetEvent(std::string prev, std::string next) {
  auto emission = std::make_shared<Emission>();
  emission->revision = 3;
  emission->emitting_path = Path().Child("a");
  emission->prev_value = Value::String(std::move(prev));
  emission->new_value = Value::String(std::move(next));
  auto delivery = std::make_shared<Delivery>();
  delivery->current_path = emission->emitting_path;
  delivery->emission = std::move(emission);
  delivery->pattern = std::make_shared<PathPattern>(*PathPattern::Parse("/*"));
  Event event;
  event.delivery = std::move(delivery);
  return event;
}

}  // namespace restate

#endif  // RESTATE_SERVICE_TESTING_PREPARED_PARCELS_H_
