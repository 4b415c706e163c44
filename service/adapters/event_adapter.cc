#include "service/adapters/event_adapter.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "engine/subscription/ack_token.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/time_adapter.h"
#include "service/adapters/value_adapter.h"

namespace restate {
namespace {

v1::EventKind EncodeKind(EventKind kind) {
  switch (kind) {
    case EventKind::kSet:
      return v1::EVENT_KIND_SET;
    case EventKind::kDelete:
      return v1::EVENT_KIND_DELETE;
    case EventKind::kPing:
      return v1::EVENT_KIND_PING;
    case EventKind::kInitial:
      return v1::EVENT_KIND_INITIAL;
  }
  return v1::EVENT_KIND_UNSPECIFIED;
}

v1::Origin::Kind EncodeOrigin(OriginKind origin) {
  switch (origin) {
    case OriginKind::kClient:
      return v1::Origin::KIND_CLIENT;
    case OriginKind::kMount:
      return v1::Origin::KIND_MOUNT;
    case OriginKind::kExpired:
      return v1::Origin::KIND_EXPIRED;
    case OriginKind::kFile:
      return v1::Origin::KIND_FILE;
    case OriginKind::kDerivation:
      return v1::Origin::KIND_DERIVATION;
  }
  return v1::Origin::KIND_UNSPECIFIED;
}

bool IsOver(const Tree& value, const EventView& view) {
  return value.has_value() &&
         value->ByteSize(view.max_value_bytes) > view.max_value_bytes;
}

// Fills what is the same wherever the event is told.
void EncodeEmission(const Emission& emission, const EventView& view,
                    v1::Event* proto) {
  proto->set_revision(emission.revision);
  proto->set_index(emission.index);
  proto->set_kind(EncodeKind(emission.kind));
  EncodePath(emission.emitting_path, proto->mutable_emitting_path());
  if (view.values == v1::EVENT_VALUES_BOTH) {
    const bool over = IsOver(emission.prev_value, view);
    if (emission.prev_value.has_value() && !over) {
      EncodeValue(*emission.prev_value, view.encoding,
                  proto->mutable_prev_value());
    }
    proto->set_prev_omitted(emission.prev_omitted || over);
  }
  if (view.values != v1::EVENT_VALUES_NONE) {
    const bool over = IsOver(emission.new_value, view);
    if (emission.new_value.has_value() && !over) {
      EncodeValue(*emission.new_value, view.encoding,
                  proto->mutable_new_value());
    }
    proto->set_new_omitted(emission.new_omitted || over);
  }
  if (emission.payload.has_value()) {
    EncodeValue(*emission.payload, view.encoding, proto->mutable_payload());
  }
  // What is there was not written just now, and by whom is not known.
  if (emission.kind == EventKind::kInitial) return;
  EncodeTime(emission.commit_time, proto->mutable_commit_time());
  proto->mutable_origin()->set_kind(EncodeOrigin(emission.origin));
  if (emission.origin == OriginKind::kDerivation) {
    EncodePath(emission.derivation,
               proto->mutable_origin()->mutable_derivation());
  }
}

}  // namespace

bool LosesValues(const Emission& emission, const EventView& view) {
  // The engine has left out what is larger.
  if (view.max_value_bytes == kMaxEventValueBytes) return false;
  return (view.values == v1::EVENT_VALUES_BOTH &&
          IsOver(emission.prev_value, view)) ||
         (view.values != v1::EVENT_VALUES_NONE &&
          IsOver(emission.new_value, view));
}

void EncodeDelivery(const Delivery& delivery, const EventView& view,
                    v1::Event* proto) {
  EncodeEmission(*delivery.emission, view, proto);
  EncodePath(delivery.current_path, proto->mutable_current_path());
  EncodePattern(*delivery.pattern, proto->mutable_pattern());
}

void EncodeBatch(const EventBatch& batch, const StreamOrigin& origin,
                 const EventView& view, v1::EventBatch* proto) {
  proto->mutable_events()->Reserve(static_cast<int>(batch.events.size()));
  for (const Event& event : batch.events) {
    v1::Event* const to = proto->add_events();
    EncodeDelivery(*event.delivery, view, to);
    if (event.ack_id != 0) {
      to->set_ack_token(EncodeAckToken(origin.issuer, event.ack_id));
    }
    to->set_coalesced(event.coalesced);
  }
  proto->set_revision(batch.revision);
  proto->set_epoch(origin.epoch);
  proto->set_resume_token(batch.resume_token);
  proto->set_synced(batch.synced);
  if (batch.reset.has_value()) {
    EncodeReset(*batch.reset, proto->mutable_reset());
  }
  if (batch.gap.has_value()) EncodeGap(*batch.gap, proto->mutable_gap());
  if (batch.reset_done.has_value()) {
    EncodePath(*batch.reset_done,
               proto->mutable_reset_done()->mutable_path());
  }
}

void EncodeReset(const EventReset& reset, v1::Reset* proto) {
  EncodePath(reset.path, proto->mutable_path());
  proto->set_revision(reset.revision);
  proto->set_epoch_changed(reset.epoch_changed);
}

void EncodeGap(const EventGap& gap, v1::Gap* proto) {
  proto->set_after_revision(gap.after);
  proto->set_through_revision(gap.through);
  proto->set_events(gap.events);
  if (gap.path.has_value()) EncodePath(*gap.path, proto->mutable_path());
}

void OmitValues(size_t max_bytes, v1::EventBatch* batch) {
  std::vector<std::pair<size_t, v1::Event*>> by_size;
  for (v1::Event& event : *batch->mutable_events()) {
    by_size.emplace_back(event.ByteSizeLong(), &event);
  }
  std::sort(by_size.rbegin(), by_size.rend());
  size_t bytes = batch->ByteSizeLong();
  for (const auto& [before, event] : by_size) {
    if (bytes <= max_bytes) return;
    if (event->has_prev_value()) {
      event->clear_prev_value();
      event->set_prev_omitted(true);
    }
    if (event->has_new_value()) {
      event->clear_new_value();
      event->set_new_omitted(true);
    }
    bytes -= before - std::min(before, event->ByteSizeLong());
  }
}

}  // namespace restate
