#include "engine/subscription/initial_events.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace restate {

struct InitialEvents::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> children;
  // As often as the subscription names it.
  std::vector<std::shared_ptr<const PathPattern>> patterns;

  const Node* Child(std::string_view segment) const {
    auto it = children.find(segment);
    return it == children.end() ? nullptr : it->second.get();
  }
};

struct InitialEvents::Frame {
  Path place;
  std::vector<const Node*> nodes;
  bool emitted = false;
  // Whether a wildcard makes every child a candidate.
  bool any_child = false;
  // The names to try, if not.
  std::vector<std::string> names;
  size_t next_name = 0;
  // Where the cursor goes for the next child.
  std::string next_key;
  // Finds the children here and below; made when first needed, unless a place
  // above has one.
  std::unique_ptr<Cursor> cursor;
};

InitialEvents::InitialEvents(const Snapshot& tree, Revision revision,
                             const std::vector<PathPattern>& patterns,
                             const std::optional<Path>& below)
    : tree_(tree), revision_(revision), root_(std::make_unique<Node>()) {
  for (const PathPattern& pattern : patterns) {
    Node* node = root_.get();
    for (std::string_view segment : pattern.segments()) {
      std::unique_ptr<Node>& child = node->children[std::string(segment)];
      if (child == nullptr) child = std::make_unique<Node>();
      node = child.get();
    }
    node->patterns.push_back(std::make_shared<const PathPattern>(pattern));
  }
  std::vector<const Node*> nodes = {root_.get()};
  if (!below.has_value()) {
    Push(Path(), std::move(nodes));
    return;
  }
  for (std::string_view segment : below->segments()) {
    nodes = ChildrenOf(nodes, segment);
  }
  if (nodes.empty()) return;
  Push(*below, std::move(nodes));
  frames_.back().emitted = true;
}

std::vector<const InitialEvents::Node*> InitialEvents::ChildrenOf(
    const std::vector<const Node*>& nodes, std::string_view name) {
  std::vector<const Node*> next;
  for (const Node* node : nodes) {
    if (const Node* child = node->Child(name)) next.push_back(child);
    if (const Node* child = node->Child(kWildcard)) next.push_back(child);
  }
  return next;
}

InitialEvents::~InitialEvents() = default;

void InitialEvents::Push(Path place, std::vector<const Node*> nodes) {
  Frame frame;
  std::set<std::string> names;
  for (const Node* node : nodes) {
    for (const auto& [segment, child] : node->children) {
      if (segment == kWildcard) {
        frame.any_child = true;
      } else {
        names.insert(segment);
      }
    }
  }
  frame.names.assign(names.begin(), names.end());
  frame.next_key = place.key() + '\x01';
  frame.place = std::move(place);
  frame.nodes = std::move(nodes);
  frames_.push_back(std::move(frame));
}

Cursor& InitialEvents::CursorFor(Frame& frame) {
  for (Frame& above : frames_) {
    if (above.cursor != nullptr) return *above.cursor;
  }
  frame.cursor = tree_.NewCursor(frame.place);
  return *frame.cursor;
}

std::string InitialEvents::NextChildName(Frame& frame) {
  Cursor& cursor = CursorFor(frame);
  cursor.Seek(frame.next_key);
  if (!cursor.Valid()) {
    status_ = cursor.status();
    return "";
  }
  const std::string_view key = cursor.key();
  if (!key.starts_with(frame.place.key())) return "";
  const std::string_view rest = key.substr(frame.place.key().size());
  std::string name(rest.substr(0, rest.find('\0')));
  frame.next_key = frame.place.Child(name).SubtreeEnd();
  return name;
}

void InitialEvents::Advance() {
  Frame& frame = frames_.back();
  std::string name;
  if (frame.any_child) {
    name = NextChildName(frame);
  } else if (frame.next_name < frame.names.size()) {
    name = frame.names[frame.next_name++];
  }
  if (name.empty()) {
    frames_.pop_back();
    return;
  }
  std::vector<const Node*> next = ChildrenOf(frame.nodes, name);
  if (!next.empty()) Push(frame.place.Child(name), std::move(next));
}

bool InitialEvents::EmitAt(const Path& place,
                           const std::vector<const Node*>& nodes,
                           std::vector<Event>* events) {
  std::vector<std::shared_ptr<const PathPattern>> patterns;
  for (const Node* node : nodes) {
    patterns.insert(patterns.end(), node->patterns.begin(),
                    node->patterns.end());
  }
  if (patterns.empty()) return false;
  ReadLimits limits;
  limits.max_bytes = kMaxEventValueBytes;
  absl::StatusOr<ReadResult> read = tree_.Read(place, limits);
  if (!read.ok()) {
    status_ = read.status();
    return false;
  }
  if (!read->tree.has_value() && place.is_root()) {
    read->tree = Value::EmptyMap();
  }
  if (!read->tree.has_value() && !read->over_limit) return false;
  auto emission = std::make_shared<Emission>();
  emission->revision = revision_;
  emission->kind = EventKind::kInitial;
  emission->emitting_path = place;
  emission->new_omitted = read->over_limit;
  if (!read->over_limit) emission->new_value = std::move(read->tree);
  emission->bytes = emission->ByteSize();
  std::sort(patterns.begin(), patterns.end(),
            [](const auto& a, const auto& b) { return *a < *b; });
  for (auto& pattern : patterns) {
    auto delivery = std::make_shared<Delivery>();
    delivery->emission = emission;
    delivery->current_path = place;
    delivery->pattern = std::move(pattern);
    events->push_back(Event{.delivery = std::move(delivery)});
  }
  return true;
}

bool InitialEvents::Next(std::vector<Event>* events) {
  while (status_.ok() && !frames_.empty()) {
    Frame& frame = frames_.back();
    if (!std::exchange(frame.emitted, true)) {
      if (EmitAt(frame.place, frame.nodes, events)) return true;
      continue;
    }
    Advance();
  }
  return false;
}

}  // namespace restate
