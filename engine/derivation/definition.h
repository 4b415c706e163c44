#ifndef RESTATE_ENGINE_DERIVATION_DEFINITION_H_
#define RESTATE_ENGINE_DERIVATION_DEFINITION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "engine/backend/backend.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"

namespace restate {

// A function in Lua. Without sources it reads with get("/path") and is tracked:
// what it read in its last run is what it depends on.
struct LuaTransform {
  // One for each source, in their order.
  std::vector<std::string> parameters;
  std::string source;
  bool operator==(const LuaTransform&) const = default;
};

// How an aggregate puts the children's parts together.
enum class Combine { kCount, kSum, kMin, kMax, kMean, kCollect };

// Something of all children of one source, kept up child by child.
struct AggregateTransform {
  // A Lua expression of `key` and `value`; nil leaves the child out. Empty: the
  // child as it is.
  std::string each;
  Combine combine = Combine::kCount;
  // A Lua expression of `key` and `value` that names the child's group; nil
  // leaves the child out. Empty: all are one group, and the result is its value
  // instead of a map by group.
  std::string group_by;
  bool operator==(const AggregateTransform&) const = default;
};

// A function in a client, called over its session by this name.
struct HostedTransform {
  std::string name;
  bool operator==(const HostedTransform&) const = default;
};

// What a failing transform makes of its destination.
enum class OnError {
  kAbsent,
  kKeepLast,
  // The client's whole commit is refused; elsewhere as kAbsent.
  kFailWrite,
};

// What is derived from what, and how.
struct Definition {
  Path dest;
  std::vector<Path> sources;
  std::variant<LuaTransform, AggregateTransform, HostedTransform> transform;
  // Goes with every event of the destination's own writes.
  Tree payload;
  // Call the transform also when sources are absent; it gets nil for them.
  bool call_when_absent = false;
  OnError on_error = OnError::kAbsent;
  // Who defined it, and pays for it: what a commit may spend is shared among the
  // definers of what it reaches. Empty: nobody knows.
  std::string definer;

  // Whether they derive the same, whoever defined them.
  bool operator==(const Definition& other) const {
    return dest == other.dest && sources == other.sources &&
           transform == other.transform &&
           tree::Identical(payload, other.payload) &&
           call_when_absent == other.call_when_absent &&
           on_error == other.on_error;
  }

  // Whether what it depends on is what it read last.
  bool tracked() const {
    return sources.empty() && std::holds_alternative<LuaTransform>(transform);
  }
  bool hosted() const {
    return std::holds_alternative<HostedTransform>(transform);
  }
};

// OK, or why the definition is none by itself, whatever else is defined:
//   INVALID_ARGUMENT / INVALID_REQUEST: sources and parameters do not match
//   INVALID_ARGUMENT / INVALID_PATH: the destination is the root
//   FAILED_PRECONDITION / CYCLE: a source is at or below the destination
absl::Status CheckDefinition(const Definition& definition);

// What a commit does to derivations, beside its operations.
//
// Defines, or replaces what is defined for the same destination.
struct DefineDerivation {
  Definition definition;
  // Delete what clients wrote at the destination, instead of refusing.
  bool overwrite = false;
};
// Undefines, and removes the destination's value.
struct RemoveDerivation {
  Path dest;
};
// What a hosted transform gave for its sources as of `source_revision`.
struct CompleteTransform {
  Path dest;
  // DerivationInfo::version of the definition that was called.
  uint64_t version = 0;
  Revision source_revision = 0;
  // DerivationProgress of the state it was called with: while it is this, no
  // source has changed. Null: the revision decides.
  std::shared_ptr<const void> computed_from;
  // OK with the result, nothing for nil; or what it failed with.
  absl::Status status;
  Tree value;
};
// Computes destinations from their sources as they are now; what is not defined
// any more is passed over.
struct ComputeAgain {
  std::vector<Path> dests;
  // Nothing if nothing is known of what they hold: those that are put off have
  // what `on_error` gives. Else they are of this definer and wait to be computed:
  // a slice of them is, and the others are left as they are.
  std::optional<std::string> slice_of;
};

using DerivationChange =
    std::variant<DefineDerivation, RemoveDerivation, CompleteTransform,
                 ComputeAgain>;

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_DEFINITION_H_
