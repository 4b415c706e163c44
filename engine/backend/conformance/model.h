#ifndef RESTATE_ENGINE_BACKEND_CONFORMANCE_MODEL_H_
#define RESTATE_ENGINE_BACKEND_CONFORMANCE_MODEL_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"
#include "engine/value/value.h"

namespace restate {

// The tree in the plainest way: a sorted map from keys to own values, changed
// and read by loops over it. {} is there only where there is nothing else.
class Model {
 public:
  // Makes `path` read `value`. `clears` receives the writes that the sequencer
  // adds for a {} whose place is taken by a first child.
  void Replace(const Path& path, const Tree& value, std::vector<Write>* clears);
  // Makes the own value of `path` `own`; no {} where there are children.
  void ReplaceOwn(const Path& path, const Tree& own,
                  std::vector<Write>* clears);

  // What `path` reads as; `depth` as in ReadLimits.
  Tree Read(const Path& path, size_t depth, bool* truncated) const;
  Tree Read(const Path& path) const;
  NodeProbe Probe(const Path& path) const;
  const std::map<std::string, Value>& own_values() const { return own_; }

 private:
  void Insert(const Path& path, const Value& node);
  void ClearEmptyMapsAbove(const Path& path, std::vector<Write>* clears);

  std::map<std::string, Value> own_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_CONFORMANCE_MODEL_H_
