#ifndef RESTATE_TESTS_PROPERTY_MODEL_H_
#define RESTATE_TESTS_PROPERTY_MODEL_H_

#include <map>
#include <string>
#include <vector>

#include "engine/commit/commit_request.h"
#include "engine/path/path.h"
#include "engine/path/pattern.h"
#include "engine/tree/tree.h"

namespace restate {

// An event as the contract tells it, in words that can be compared.
struct ModelEvent {
  int64_t revision;
  int32_t index;
  std::string kind;
  Path emitting_path;
  Path current_path;
  PathPattern pattern;
  Tree prev_value;
  Tree new_value;

  std::string ToText() const;
};

// The contract, as plainly as it can be written: a sorted map from paths to own
// values, everything else by going through all of it. Shares the value type with
// the engine and nothing more.
class Model {
 public:
  // What a path reads as.
  Tree Read(const Path& path) const;

  // What an operation came to, as in OperationResult.
  struct Outcome {
    bool changed = false;
    Tree value;
  };
  // Applies a transaction that the contract does not refuse; false, with
  // nothing changed, if it is refused. Emits the events that `patterns` hear,
  // under `revision`.
  bool Apply(const std::vector<Operation>& operations, int64_t revision,
             const std::vector<PathPattern>& patterns,
             std::vector<Outcome>* outcomes, std::vector<ModelEvent>* events);

  const std::map<Path, Value>& own_values() const { return own_values_; }

 private:
  struct Step;

  bool Run(const Step& step, Outcome* outcome);
  bool RunSet(const Step& step, const SetOperation& set, Outcome* outcome);
  void Write(const Path& path, const Tree& subtree);
  void WriteOwn(const Path& path, const Tree& own);
  void Insert(const Path& path, const Value& value);
  void EraseSubtree(const Path& path);
  void Emit(const Step& step, const std::string& kind, const Path& path,
            const Model& before, const Tree& default_value, bool skip_notify);

  std::map<Path, Value> own_values_;
};

}  // namespace restate

#endif  // RESTATE_TESTS_PROPERTY_MODEL_H_
