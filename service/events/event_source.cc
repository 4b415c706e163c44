#include "service/events/event_source.h"

#include <utility>

#include "restate/v1/event_service.pb.h"
#include "service/adapters/batch_encoder.h"
#include "service/adapters/event_view.h"
#include "service/adapters/wire_format.h"
#include "service/events/message_bytes.h"

namespace restate {
namespace {

// Tag and length around a batch.
constexpr size_t kFrameBytes = 16;

}  // namespace

EventSource::EventSource(std::unique_ptr<EventStream> stream,
                         ParcelSourceOptions options)
    : ParcelSource(std::move(stream), std::move(options)) {}

absl::Status EventSource::Encode(const Parcel& parcel) {
  BatchEncoder batch;
  for (const SubscriptionRun& run : parcel.runs) {
    batch.LayOut(run.batch, origin(), UnpackView(run.view),
                 max_message_bytes() - kFrameBytes);
    Add(BytesOfSize(wire::FieldSize(batch.size()), [&batch](uint8_t* out) {
      out = wire::WriteHeader(v1::SubscribeResponse::kBatchFieldNumber,
                              batch.size(), out);
      return batch.Write(out);
    }));
  }
  return parcel.ended.empty() ? absl::OkStatus() : parcel.ended.back().status;
}

}  // namespace restate
