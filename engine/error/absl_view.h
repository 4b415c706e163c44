#ifndef RESTATE_ENGINE_ERROR_ABSL_VIEW_H_
#define RESTATE_ENGINE_ERROR_ABSL_VIEW_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace restate {

// Debian builds Abseil with a string_view of its own, which does not convert
// from or to std::string_view. These do, so that messages can be put together
// with absl::StrCat.

inline absl::string_view AbslView(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}

inline std::string_view StdView(absl::string_view text) {
  return std::string_view(text.data(), text.size());
}

}  // namespace restate

#endif  // RESTATE_ENGINE_ERROR_ABSL_VIEW_H_
