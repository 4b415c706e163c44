#ifndef RESTATE_ENGINE_BACKEND_MEMORY_VALUE_CURSOR_H_
#define RESTATE_ENGINE_BACKEND_MEMORY_VALUE_CURSOR_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"
#include "engine/value/value.h"

namespace restate {

// Walks the own values of a canonical tree, or of a subtree of it, in path
// order: a node's own value first, then its children. A seek costs
// O(depth * log children).
//
// Invariants while current_ is set: key_ is the key of the node that it belongs
// to; frames_ are the maps on the way to it (and its own map, if it has
// children), each with the next child to enter.
class ValueCursor : public Cursor {
 public:
  // Keeps `tree` alive.
  explicit ValueCursor(Tree tree, const Path& within = Path())
      : tree_(std::move(tree)), within_(within.key()) {}

  void Seek(std::string_view key) override;
  void Next() override;
  bool Valid() const override {
    return current_ != nullptr && key_.starts_with(within_);
  }
  std::string_view key() const override { return key_; }
  absl::StatusOr<Value> value() const override { return *current_; }
  absl::Status status() const override { return absl::OkStatus(); }

 private:
  struct Frame {
    Value::Map::Iterator next;
    // The size of the key of the map's node.
    size_t key_size;
  };

  // Moves to the first own value of `node`, whose key is key_.
  void Enter(const Value& node);
  // Appends a segment to the key of the innermost frame.
  void SetChildKey(std::string_view name);

  const Tree tree_;
  const std::string within_;
  std::vector<Frame> frames_;
  std::string key_;
  const Value* current_ = nullptr;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_MEMORY_VALUE_CURSOR_H_
