#include "service/events/event_source.h"

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <string>
#include <utility>
#include <vector>

#include "restate/v1/event_service.pb.h"
#include "service/adapters/batch_encoder.h"
#include "service/adapters/event_view.h"
#include "service/adapters/wire_format.h"
#include "service/events/message_bytes.h"

namespace restate {
namespace {

// Tag and length around a batch.
constexpr size_t kFrameBytes = 16;

// What is shared and takes less is rather copied.
constexpr size_t kMinSharedBytes = 1024;

// The message of one batch. Bytes that many streams send are not copied for each.
grpc::ByteBuffer MessageOf(const BatchEncoder& batch) {
  std::vector<grpc::Slice> slices;
  std::string copied;
  wire::AppendHeader(v1::SubscribeResponse::kBatchFieldNumber, batch.size(),
                     &copied);
  for (BatchEncoder::Part& part : batch.Parts()) {
    if (part.owner == nullptr || part.bytes.size() < kMinSharedBytes) {
      copied.append(part.bytes);
      continue;
    }
    if (!copied.empty()) slices.emplace_back(copied);
    copied.clear();
    slices.push_back(SliceOf(part.bytes, std::move(part.owner)));
  }
  if (!copied.empty()) slices.emplace_back(copied);
  return grpc::ByteBuffer(slices.data(), slices.size());
}

}  // namespace

EventSource::EventSource(std::unique_ptr<EventStream> stream,
                         ParcelSourceOptions options)
    : ParcelSource(std::move(stream), std::move(options)) {}

absl::Status EventSource::Encode(const Parcel& parcel) {
  BatchEncoder batch;
  for (const SubscriptionRun& run : parcel.runs) {
    batch.LayOut(run.batch, origin(), UnpackView(run.view),
                 max_message_bytes() - kFrameBytes);
    if (!run.batch.bundles.empty()) {
      Add(MessageOf(batch));
      continue;
    }
    Add(BytesOfSize(wire::FieldSize(batch.size()), [&batch](uint8_t* out) {
      out = wire::WriteHeader(v1::SubscribeResponse::kBatchFieldNumber,
                              batch.size(), out);
      return batch.Write(out);
    }));
  }
  return parcel.ended.empty() ? absl::OkStatus() : parcel.ended.back().status;
}

}  // namespace restate
