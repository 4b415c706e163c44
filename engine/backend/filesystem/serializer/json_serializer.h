#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_JSON_SERIALIZER_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_JSON_SERIALIZER_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/backend/filesystem/serializer/file_serializer.h"
#include "engine/value/value.h"

namespace restate {

// RFC 8259. What JSON has no form for is tagged (exact_tags.h): bytes, NaN and
// the infinities. A number with a point or an exponent is a double, any other
// an int64 (a double beyond its range).
class JsonSerializer : public FileSerializer {
 public:
  std::string_view extension() const override { return "json"; }
  std::string Serialize(const Value& value) const override;

 private:
  absl::StatusOr<Value> ParseText(std::string_view text,
                                  size_t max_values) const override;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_JSON_SERIALIZER_H_
