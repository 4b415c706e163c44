#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_TEXTPROTO_SERIALIZER_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_TEXTPROTO_SERIALIZER_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/filesystem/serializer/file_serializer.h"
#include "engine/value/value.h"

namespace restate {

// The text form of one restate.v1.Value.
class TextprotoSerializer : public FileSerializer {
 public:
  std::string_view extension() const override { return "textproto"; }
  // Protobuf's parsers stop at 100 nested messages.
  absl::Status CheckStorable(const Value& value) const override;
  std::string Serialize(const Value& value) const override;

 private:
  absl::StatusOr<Value> ParseText(std::string_view text,
                                  size_t max_values) const override;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_TEXTPROTO_SERIALIZER_H_
