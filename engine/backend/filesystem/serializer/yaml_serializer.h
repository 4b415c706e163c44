#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_YAML_SERIALIZER_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_YAML_SERIALIZER_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/backend/filesystem/serializer/file_serializer.h"
#include "engine/value/value.h"

namespace restate {

// YAML 1.2, core schema, one document. NaN and the infinities are YAML's, bytes
// are !!binary. Strings are quoted wherever some YAML program could take them
// for something else.
class YamlSerializer : public FileSerializer {
 public:
  std::string_view extension() const override { return "yaml"; }
  std::string Serialize(const Value& value) const override;

 private:
  absl::StatusOr<Value> ParseText(std::string_view text,
                                  size_t max_values) const override;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_YAML_SERIALIZER_H_
