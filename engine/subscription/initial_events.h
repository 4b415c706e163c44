#ifndef RESTATE_ENGINE_SUBSCRIPTION_INITIAL_EVENTS_H_
#define RESTATE_ENGINE_SUBSCRIPTION_INITIAL_EVENTS_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "engine/backend/backend.h"
#include "engine/path/path.h"
#include "engine/path/pattern.h"
#include "engine/subscription/event.h"

namespace restate {

// The present state as INITIAL events: one for each pattern and each path that
// matches it and exists, in path order, and in byte order of the patterns at one
// path. Made one place at a time, so that a snapshot of any size needs the
// memory of one value only.
//
// Not thread-safe.
class InitialEvents {
 public:
  // `tree` must outlive this and shows the state at `revision`. If there is a
  // `below`, only places strictly below it are told, and nothing else is read.
  InitialEvents(const Snapshot& tree, Revision revision,
                const std::vector<PathPattern>& patterns,
                const std::optional<Path>& below = std::nullopt);
  ~InitialEvents();

  // Appends the events of the next place that has any. False, with nothing
  // appended, after the last one or when reading fails: look at status().
  bool Next(std::vector<Event>* events);
  const absl::Status& status() const { return status_; }

 private:
  // The patterns as a trie by segment, children in byte order.
  struct Node;
  // A place on the way, with the nodes that match it.
  struct Frame;

  // The nodes that match a child called `name` of a place that `nodes` match.
  static std::vector<const Node*> ChildrenOf(
      const std::vector<const Node*>& nodes, std::string_view name);
  void Push(Path place, std::vector<const Node*> nodes);
  // Pushes the next child of the last frame, or pops the frame.
  void Advance();
  // A cursor over the frame's place at least, and over nothing that no pattern
  // asks for.
  Cursor& CursorFor(Frame& frame);
  // The next existing child of the frame's place, by the cursor; empty at the
  // end.
  std::string NextChildName(Frame& frame);
  // Appends the events at `place`; false if it does not exist or on failure.
  bool EmitAt(const Path& place, const std::vector<const Node*>& nodes,
              std::vector<Event>* events);

  const Snapshot& tree_;
  const Revision revision_;
  std::unique_ptr<Node> root_;
  std::vector<Frame> frames_;
  absl::Status status_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_INITIAL_EVENTS_H_
