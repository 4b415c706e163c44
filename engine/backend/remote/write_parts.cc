#include "engine/backend/remote/write_parts.h"

#include <utility>

#include "engine/path/path.h"
#include "engine/tree/tree.h"
#include "engine/value/value.h"

namespace restate {
namespace {

// What a message adds to path and value, about.
constexpr size_t kFrameBytes = 32;

class Cutter {
 public:
  explicit Cutter(size_t max_bytes) : max_bytes_(max_bytes), parts_(1) {}

  void Add(const Write& write) {
    const size_t size = SizeOf(write);
    if (size <= max_bytes_ || write.scope == Write::Scope::kOwnValue ||
        !write.value.has_value() || !write.value->is_map()) {
      Append({write.path, write.scope, write.value, write.revision, {}}, size);
      return;
    }
    Append({write.path, write.scope, std::nullopt, write.revision, {}},
           kFrameBytes + write.path.key().size());
    tree::ForEachOwnValue(write.value, [&](const Path& path, const Value& own) {
      Write one{write.path.Join(path), Write::Scope::kOwnValue, own,
                write.revision, {}};
      const size_t own_size = SizeOf(one);
      Append(std::move(one), own_size);
      return true;
    });
  }

  std::vector<std::vector<Write>> Finish() { return std::move(parts_); }

 private:
  static size_t SizeOf(const Write& write) {
    return kFrameBytes + write.path.key().size() +
           (write.value.has_value() ? write.value->ByteSize() : 0);
  }

  void Append(Write write, size_t size) {
    if (!parts_.back().empty() && bytes_ + size > max_bytes_) {
      parts_.emplace_back();
      bytes_ = 0;
    }
    bytes_ += size;
    parts_.back().push_back(std::move(write));
  }

  const size_t max_bytes_;
  std::vector<std::vector<Write>> parts_;
  // Of the last part.
  size_t bytes_ = 0;
};

}  // namespace

std::vector<std::vector<Write>> CutIntoParts(absl::Span<const Write> writes,
                                             size_t max_bytes) {
  Cutter cutter(max_bytes);
  for (const Write& write : writes) cutter.Add(write);
  return cutter.Finish();
}

}  // namespace restate
