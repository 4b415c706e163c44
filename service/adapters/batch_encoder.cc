#include "service/adapters/batch_encoder.h"

#include <utility>

#include "engine/subscription/ack_token.h"
#include "restate/v1/event.pb.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/wire_format.h"

namespace restate {
namespace {

// Appends an event as the field of an EventBatch that it is there.
void AppendEventField(const Delivery& delivery, const EventView& view,
                      std::string* out) {
  v1::Event proto;
  EncodeDelivery(delivery, view, &proto);
  const size_t size = proto.ByteSizeLong();
  out->reserve(out->size() + wire::FieldSize(size));
  wire::AppendHeader(v1::EventBatch::kEventsFieldNumber, size, out);
  const size_t offset = out->size();
  out->resize(offset + size);
  proto.SerializeWithCachedSizesToArray(
      reinterpret_cast<uint8_t*>(out->data() + offset));
}

// The same, shared. REQUIRES: the view leaves no value out.
std::string_view SharedEventField(const Delivery& delivery,
                                  const EventView& view) {
  const size_t index = SharedIndex(view);
  const std::string* const kept = delivery.encoded.Get(index);
  if (kept != nullptr) return *kept;
  std::string field;
  AppendEventField(delivery, view, &field);
  return delivery.encoded.Keep(index, std::move(field));
}

// An event field without its tag and length.
std::string_view BodyOf(std::string_view event_field) {
  size_t header = 1;
  while ((static_cast<unsigned char>(event_field[header]) & 0x80) != 0) {
    ++header;
  }
  return event_field.substr(header + 1);
}

// What is in a batch beside its events.
void AppendTail(const EventBatch& batch, const std::string& epoch,
                std::string* out) {
  using Proto = v1::EventBatch;
  wire::AppendNumber(Proto::kRevisionFieldNumber, batch.revision, out);
  wire::AppendText(Proto::kEpochFieldNumber, epoch, out);
  wire::AppendText(Proto::kResumeTokenFieldNumber, batch.resume_token, out);
  wire::AppendNumber(Proto::kSyncedFieldNumber, batch.synced ? 1 : 0, out);
  if (batch.reset.has_value()) {
    v1::Reset reset;
    EncodeReset(*batch.reset, &reset);
    wire::AppendMessage(Proto::kResetFieldNumber, reset.SerializeAsString(),
                        out);
  }
  if (batch.gap.has_value()) {
    v1::Gap gap;
    EncodeGap(*batch.gap, &gap);
    wire::AppendMessage(Proto::kGapFieldNumber, gap.SerializeAsString(), out);
  }
  if (batch.reset_done.has_value()) {
    v1::ResetDone done;
    EncodePath(*batch.reset_done, done.mutable_path());
    wire::AppendMessage(Proto::kResetDoneFieldNumber, done.SerializeAsString(),
                        out);
  }
}

}  // namespace

void BatchEncoder::LayOut(const EventBatch& batch, const StreamOrigin& origin,
                          const EventView& view, size_t max_bytes) {
  pieces_.clear();
  own_.clear();
  size_ = 0;
  pieces_.reserve(batch.events.size() + batch.bundles.size() + 1);
  for (const Event& event : batch.events) AddEvent(event, origin, view);
  for (const auto& bundle : batch.bundles) AddBundle(bundle, origin, view);
  const size_t offset = own_.size();
  AppendTail(batch, origin.epoch, &own_);
  AddOwn(offset);
  if (size_ <= max_bytes) return;

  EventBatch single = batch;
  single.events = batch.AllEvents();
  single.bundles.clear();
  v1::EventBatch proto;
  EncodeBatch(single, origin, view, &proto);
  OmitValues(max_bytes, &proto);
  pieces_.clear();
  own_ = proto.SerializeAsString();
  size_ = 0;
  AddOwn(0);
}

void BatchEncoder::AddBundle(const std::shared_ptr<const EventBundle>& bundle,
                             const StreamOrigin& origin,
                             const EventView& view) {
  for (const std::shared_ptr<const Delivery>& delivery : bundle->deliveries) {
    if (view.max_value_bytes == kMaxEventValueBytes) break;
    if (!LosesValues(*delivery->emission, view)) continue;
    for (const std::shared_ptr<const Delivery>& one : bundle->deliveries) {
      AddEvent(Event{.delivery = one}, origin, view);
    }
    return;
  }
  const size_t index = SharedIndex(view);
  const std::string* bytes = bundle->encoded.Get(index);
  if (bytes == nullptr) {
    std::string fields;
    for (const std::shared_ptr<const Delivery>& delivery : bundle->deliveries) {
      AppendEventField(*delivery, view, &fields);
    }
    bytes = &bundle->encoded.Keep(index, std::move(fields));
  }
  pieces_.push_back(
      {.shared = bytes->data(), .size = bytes->size(), .owner = bundle});
  size_ += bytes->size();
}

void BatchEncoder::AddEvent(const Event& event, const StreamOrigin& origin,
                            const EventView& view) {
  const Delivery& delivery = *event.delivery;
  const bool plain = event.ack_id == 0 && event.coalesced == 0;
  if (LosesValues(*delivery.emission, view)) {
    if (plain) {
      const size_t offset = own_.size();
      AppendEventField(delivery, view, &own_);
      AddOwn(offset);
    } else {
      std::string field;
      AppendEventField(delivery, view, &field);
      AddWithFields(field, event, origin);
    }
    return;
  }
  const std::string_view field = SharedEventField(delivery, view);
  if (!plain) return AddWithFields(field, event, origin);
  pieces_.push_back({.shared = field.data(), .size = field.size()});
  size_ += field.size();
}

void BatchEncoder::AddWithFields(std::string_view event_field,
                                 const Event& event,
                                 const StreamOrigin& origin) {
  // Messages one after the other are one message with the fields of both.
  std::string fields;
  if (event.ack_id != 0) {
    wire::AppendText(v1::Event::kAckTokenFieldNumber,
                     EncodeAckToken(origin.issuer, event.ack_id), &fields);
  }
  wire::AppendNumber(v1::Event::kCoalescedFieldNumber, event.coalesced,
                     &fields);
  const std::string_view body = BodyOf(event_field);
  const size_t offset = own_.size();
  wire::AppendHeader(v1::EventBatch::kEventsFieldNumber,
                     body.size() + fields.size(), &own_);
  own_.append(body);
  own_.append(fields);
  AddOwn(offset);
}

void BatchEncoder::AddOwn(size_t offset) {
  const size_t size = own_.size() - offset;
  pieces_.push_back({.own_offset = offset, .size = size});
  size_ += size;
}

uint8_t* BatchEncoder::Write(uint8_t* out) const {
  for (const Piece& piece : pieces_) {
    out = wire::WriteBytes(BytesOf(piece), out);
  }
  return out;
}

std::vector<BatchEncoder::Part> BatchEncoder::Parts() const {
  std::vector<Part> parts;
  parts.reserve(pieces_.size());
  for (const Piece& piece : pieces_) {
    parts.push_back({BytesOf(piece), piece.owner});
  }
  return parts;
}

}  // namespace restate
