#include "service/mounts/down_backend.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {

DownBackend::DownBackend(std::string kind, const Path& at,
                         const absl::Status& why)
    : kind_(std::move(kind)),
      why_(MakeError(
          Reason::kMountUnavailable,
          absl::StrCat("the ", kind_, " mount at ", at.ToText(),
                       " could not be opened when the server started: ",
                       std::string(why.message()),
                       ". Put that right and start the server again"),
          {{"mount", at.ToText()}})) {}

BackendHealth DownBackend::Health() const {
  return {BackendHealth::State::kDown, {std::string(why_.message())}};
}

}  // namespace restate
