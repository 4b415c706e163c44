#include "engine/backend/epoch.h"

#include <array>
#include <cstdint>
#include <random>

#include "absl/strings/str_format.h"

namespace restate {

std::string NewEpoch() {
  std::random_device random;
  std::array<uint32_t, 4> words;
  for (uint32_t& word : words) word = random();
  words[1] = (words[1] & 0xffff0fff) | 0x00004000;
  words[2] = (words[2] & 0x3fffffff) | 0x80000000;
  return absl::StrFormat("%08x%08x%08x%08x", words[0], words[1], words[2],
                         words[3]);
}

}  // namespace restate
