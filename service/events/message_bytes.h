#ifndef RESTATE_SERVICE_EVENTS_MESSAGE_BYTES_H_
#define RESTATE_SERVICE_EVENTS_MESSAGE_BYTES_H_

#include <grpc/slice.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {

// Messages of methods that read and write bytes instead of message objects.

// A message of `size` bytes in one piece, which `write`, given where it begins,
// fills and gives the end of.
template <typename Write>
grpc::ByteBuffer BytesOfSize(size_t size, Write write) {
  grpc_slice raw = grpc_slice_malloc(size);
  [[maybe_unused]] const uint8_t* const end = write(GRPC_SLICE_START_PTR(raw));
  assert(end == GRPC_SLICE_END_PTR(raw));
  const grpc::Slice slice(raw, grpc::Slice::STEAL_REF);
  return grpc::ByteBuffer(&slice, 1);
}

// `bytes` as they are, which `owner` keeps until nobody sends them any more.
template <typename Owner>
grpc::Slice SliceOf(std::string_view bytes, Owner owner) {
  // gRPC only reads them.
  return grpc::Slice(
      const_cast<char*>(bytes.data()), bytes.size(),
      [](void* kept) { delete static_cast<Owner*>(kept); },
      new Owner(std::move(owner)));
}

// A message made in the ordinary way.
template <typename Message>
grpc::ByteBuffer BytesOf(const Message& message) {
  return BytesOfSize(message.ByteSizeLong(), [&message](uint8_t* out) {
    return message.SerializeWithCachedSizesToArray(out);
  });
}

// Reads a request. INVALID_ARGUMENT / INVALID_REQUEST if the bytes are none.
template <typename Message>
absl::StatusOr<Message> ParseBytes(const grpc::ByteBuffer& bytes) {
  grpc::ByteBuffer copy = bytes;
  Message message;
  if (grpc::SerializationTraits<Message>::Deserialize(&copy, &message).ok()) {
    return message;
  }
  return MakeError(Reason::kInvalidRequest,
                   absl::StrCat("what was sent is no ",
                                Message::descriptor()->full_name()));
}

}  // namespace restate

#endif  // RESTATE_SERVICE_EVENTS_MESSAGE_BYTES_H_
