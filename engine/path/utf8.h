#ifndef RESTATE_ENGINE_PATH_UTF8_H_
#define RESTATE_ENGINE_PATH_UTF8_H_

#include <string>
#include <string_view>

namespace restate {

// Whether `bytes` is well-formed UTF-8 as Unicode defines it (table 3-7): no
// overlong forms, no surrogates, nothing above U+10FFFF, nothing cut off.
bool IsValidUtf8(std::string_view bytes);

// `bytes` in double quotes for an error message: what is not printable is
// escaped, and long texts are cut to about 80 bytes, ending in "...". The
// result is valid UTF-8 whatever `bytes` is.
std::string Quoted(std::string_view bytes);

}  // namespace restate

#endif  // RESTATE_ENGINE_PATH_UTF8_H_
