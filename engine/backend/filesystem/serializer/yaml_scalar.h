#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_YAML_SCALAR_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_YAML_SCALAR_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/value/value.h"

namespace restate::yaml_scalar {

// What a plain scalar means in the core schema of YAML 1.2. A whole number
// beyond int64 is a double.
Value ReadPlain(const std::string& text);

// What a scalar with this tag means; "!" is a quoted one. INVALID_ARGUMENT /
// INVALID_VALUE for a tag that is not known or does not go with the text.
absl::StatusOr<Value> ReadTagged(const std::string& tag,
                                 const std::string& text);

// A string or a key: plain if no YAML program takes it for anything else.
std::string StringText(std::string_view text);

// A scalar that is no list and no map.
std::string ScalarText(const Value& value);

}  // namespace restate::yaml_scalar

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_YAML_SCALAR_H_
