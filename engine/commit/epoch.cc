#include "engine/commit/epoch.h"

#include <random>

#include "absl/strings/str_cat.h"

namespace restate {

std::string NewEpoch() {
  std::random_device random;
  std::string epoch;
  for (int i = 0; i < 4; ++i) {
    absl::StrAppend(&epoch, absl::Hex(random(), absl::kZeroPad8));
  }
  return epoch;
}

}  // namespace restate
