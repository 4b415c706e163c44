#include "tests/benchmark/event_layout.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <algorithm>

namespace restate::benchmark {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// Reads fields up to the end of the message or the stream's present limit.
bool CountFields(const EventLayout& layout, CodedInputStream* input,
                 MessageCounts* counts) {
  while (const uint32_t tag = input->ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    bool set = true;
    switch (WireFormatLite::GetTagWireType(tag)) {
      case WireFormatLite::WIRETYPE_LENGTH_DELIMITED: {
        uint32_t length = 0;
        if (!input->ReadVarint32(&length) ||
            !input->Skip(static_cast<int>(length))) {
          return false;
        }
        break;
      }
      case WireFormatLite::WIRETYPE_VARINT: {
        uint64_t value = 0;
        if (!input->ReadVarint64(&value)) return false;
        set = value != 0;
        break;
      }
      default:
        if (!WireFormatLite::SkipField(input, tag)) return false;
    }
    if (field == layout.events) {
      ++counts->events;
    } else if (field == layout.live) {
      counts->live = counts->live || set;
    } else if (std::find(layout.lost.begin(), layout.lost.end(), field) !=
               layout.lost.end()) {
      counts->lost = counts->lost || set;
    }
  }
  return input->ConsumedEntireMessage();
}

// The same for messages whose fields are one level down.
bool CountInEnvelope(const EventLayout& layout, CodedInputStream* input,
                     MessageCounts* counts) {
  while (const uint32_t tag = input->ReadTag()) {
    if (tag != WireFormatLite::MakeTag(
                   layout.envelope,
                   WireFormatLite::WIRETYPE_LENGTH_DELIMITED)) {
      if (!WireFormatLite::SkipField(input, tag)) return false;
      continue;
    }
    uint32_t length = 0;
    if (!input->ReadVarint32(&length)) return false;
    const CodedInputStream::Limit outer =
        input->PushLimit(static_cast<int>(length));
    if (!CountFields(layout, input, counts) ||
        input->BytesUntilLimit() != 0) {
      return false;
    }
    input->PopLimit(outer);
  }
  return input->ConsumedEntireMessage();
}

}  // namespace

const EventLayout& RestateLayout() {
  // SubscribeResponse.batch, then EventBatch.events, synced, reset and gap.
  static const EventLayout* const layout = new EventLayout{
      .method = "/restate.v1.EventService/Subscribe",
      .half_close = true,
      .envelope = 1,
      .events = 1,
      .live = 5,
      .lost = {6, 7},
  };
  return *layout;
}

const EventLayout& EtcdLayout() {
  // WatchResponse.events, created and canceled.
  static const EventLayout* const layout = new EventLayout{
      .method = "/etcdserverpb.Watch/Watch",
      .half_close = false,
      .envelope = 0,
      .events = 11,
      .live = 3,
      .lost = {4},
  };
  return *layout;
}

bool CountEvents(const EventLayout& layout, grpc::ByteBuffer* message,
                 MessageCounts* counts) {
  grpc::ProtoBufferReader reader(message);
  if (!reader.status().ok()) return false;
  CodedInputStream input(&reader);
  return layout.envelope != 0 ? CountInEnvelope(layout, &input, counts)
                              : CountFields(layout, &input, counts);
}

}  // namespace restate::benchmark
