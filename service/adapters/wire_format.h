#ifndef RESTATE_SERVICE_ADAPTERS_WIRE_FORMAT_H_
#define RESTATE_SERVICE_ADAPTERS_WIRE_FORMAT_H_

#include <google/protobuf/io/coded_stream.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace restate::wire {

// The few things that protobuf's encoding is made of, for messages whose parts
// are bytes already. A field is a tag and then a varint, or a tag, a length and
// as many bytes. Absent fields take no bytes: the Append functions for whole
// fields write nothing for 0 and for "".

inline constexpr uint32_t kVarint = 0;
inline constexpr uint32_t kLengthDelimited = 2;

// For field numbers up to 15 the tag is this one byte.
constexpr char Tag(uint32_t field, uint32_t type) {
  return static_cast<char>(field << 3 | type);
}

inline size_t VarintSize(uint64_t number) {
  return google::protobuf::io::CodedOutputStream::VarintSize64(number);
}

// What a field of `size` bytes takes with its tag and length.
inline size_t FieldSize(size_t size) { return 1 + VarintSize(size) + size; }

inline void AppendVarint(uint64_t number, std::string* out) {
  uint8_t bytes[10];
  const uint8_t* const end =
      google::protobuf::io::CodedOutputStream::WriteVarint64ToArray(number,
                                                                    bytes);
  out->append(reinterpret_cast<const char*>(bytes),
              static_cast<size_t>(end - bytes));
}

inline void AppendHeader(uint32_t field, size_t size, std::string* out) {
  out->push_back(Tag(field, kLengthDelimited));
  AppendVarint(size, out);
}

inline void AppendMessage(uint32_t field, std::string_view bytes,
                          std::string* out) {
  AppendHeader(field, bytes.size(), out);
  out->append(bytes);
}

inline void AppendText(uint32_t field, std::string_view text,
                       std::string* out) {
  if (!text.empty()) AppendMessage(field, text, out);
}

inline void AppendNumber(uint32_t field, int64_t number, std::string* out) {
  if (number == 0) return;
  out->push_back(Tag(field, kVarint));
  AppendVarint(static_cast<uint64_t>(number), out);
}

// The same into memory that has room; give where they end.

inline uint8_t* WriteHeader(uint32_t field, size_t size, uint8_t* out) {
  *out++ = static_cast<uint8_t>(Tag(field, kLengthDelimited));
  return google::protobuf::io::CodedOutputStream::WriteVarint64ToArray(size,
                                                                       out);
}

inline uint8_t* WriteBytes(std::string_view bytes, uint8_t* out) {
  std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

}  // namespace restate::wire

#endif  // RESTATE_SERVICE_ADAPTERS_WIRE_FORMAT_H_
