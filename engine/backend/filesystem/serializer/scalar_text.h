#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_SCALAR_TEXT_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_SCALAR_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"

// Scalars in the forms that JSON and YAML share.
namespace restate::scalar_text {

// `text` in double quotes, on one line, as both JSON and YAML read it. What
// does not print, or ends a line somewhere, is escaped.
std::string DoubleQuoted(std::string_view text);

// The shortest text that reads back as this finite double; with a point
// always, so that it is not taken for an integer.
std::string DoubleText(double number);

// INVALID_ARGUMENT / INVALID_VALUE: "line 3: ...".
absl::Status ErrorAtLine(size_t line, std::string_view message);
// What is wrong with more values than `most`.
std::string TooManyValues(size_t most);
// The line, counted from 1, of the byte at `offset`.
size_t LineOf(std::string_view text, size_t offset);

}  // namespace restate::scalar_text

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_SCALAR_TEXT_H_
