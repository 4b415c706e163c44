#include "engine/backend/rocksdb/readable_keys.h"

#include <algorithm>
#include <cstdint>

namespace restate {
namespace {

// Behind every key.
const std::string& End() {
  static const auto* const end = new std::string(32, '\xff');
  return *end;
}

// A block ends at a key that is not much longer than those around it.
constexpr size_t kLongestBeyond = 16;

bool Reads(::rocksdb::Iterator* at, const std::string& key) {
  at->Seek(key);
  return at->status().ok();
}

uint64_t BytesAt(const std::string& key, size_t from) {
  uint64_t bytes = 0;
  for (size_t i = from; i < from + 7; ++i) {
    bytes = bytes << 8 |
            (i < key.size() ? static_cast<unsigned char>(key[i]) : 0u);
  }
  return bytes;
}

// A key about halfway between two; `low` if there is none of at most this
// length.
std::string Between(const std::string& low, const std::string& high,
                    size_t longest) {
  size_t common = 0;
  while (common < low.size() && common < high.size() &&
         low[common] == high[common]) {
    ++common;
  }
  std::string key = low.substr(0, common);
  // Whether what is behind the bytes so far is bounded by `high`.
  bool bounded = true;
  while (key.size() + 7 <= longest) {
    const uint64_t lower = BytesAt(low, key.size());
    const uint64_t upper =
        bounded ? BytesAt(high, key.size()) : (uint64_t{1} << 56) - 1;
    const uint64_t middle = lower + (upper - lower) / 2;
    for (int shift = 48; shift >= 0; shift -= 8) {
      key.push_back(static_cast<char>(middle >> shift & 0xff));
    }
    if (middle > lower) return key;
    bounded = bounded && upper == lower;
  }
  return low;
}

}  // namespace

std::optional<std::string> NextReadable(::rocksdb::Iterator* at,
                                        const std::string& from) {
  if (!Reads(at, from)) {
    // Near first, so as not to leap over what can be read.
    std::string low = from;
    std::string high = End();
    for (size_t i = from.size(); i-- > 0;) {
      const auto byte = static_cast<unsigned char>(from[i]);
      if (byte == 0xff) continue;
      std::string near = from.substr(0, i);
      near.push_back(static_cast<char>(byte + 1));
      if (Reads(at, near)) {
        high = near;
        break;
      }
      low = near;
    }
    if (!Reads(at, high)) return std::nullopt;
    size_t found = 0;
    while (true) {
      if (at->Valid()) found = at->key().size();
      // Not of `low`, which gets longer at each step: this has to end.
      const size_t longest = std::max(from.size(), found) + kLongestBeyond;
      const std::string middle = Between(low, high, longest);
      if (middle == low) break;
      (Reads(at, middle) ? high : low) = middle;
    }
    Reads(at, high);
  }
  if (!at->Valid()) return std::nullopt;
  return at->key().ToString();
}

}  // namespace restate
