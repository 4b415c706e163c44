#ifndef RESTATE_TESTS_DERIVATION_LAYERED_STATE_H_
#define RESTATE_TESTS_DERIVATION_LAYERED_STATE_H_

#include <map>
#include <optional>
#include <vector>

#include "engine/path/path.h"
#include "engine/tree/tree.h"
#include "tests/derivation/rule.h"

namespace restate::test {

// The derivations there are, by destination.
using Rules = std::map<Path, Rule>;

// What clients wrote and what is derived over it, as plainly as it can be said.
struct LayeredState {
  // Nothing where the root holds nothing.
  Tree client;
  // Every destination, also those that hold nothing; without nested ones.
  std::map<Path, Tree> derived;

  // What a read shows, with the derived paths strictly below or without.
  Tree Read(const Path& path, bool with_derived) const;
  // What a derivation of `dest` is given for `source`.
  Tree Source(const Path& dest, const Path& source) const;
  // The own values that make up all of it; none of an empty root.
  std::map<Path, Tree> OwnValues() const;
  // The destination that `path` belongs to.
  std::optional<Path> OwnerOf(const Path& path) const;
};

// An order in which every destination is behind those that it may see; nothing
// if there is none. Without `tracked`, what tracked ones see does not count.
std::optional<std::vector<Path>> Order(const Rules& rules, bool tracked);

// What a recomputation gave.
struct Recomputed {
  LayeredState state;
  // Those that failed.
  std::map<Path, bool> failed;
  // Those whose function was not called, for a source is absent.
  std::map<Path, bool> not_called;
  // Something became so large or so deep that the server's bounds may come into
  // play, which this knows nothing of.
  bool too_large = false;
};

// Computes everything from what clients wrote. `kept` is what a destination
// with ON_ERROR_KEEP_LAST holds when it fails; those in `given` are not computed
// and hold that. REQUIRES: there is an order.
Recomputed Recompute(const Tree& client, const Rules& rules,
                     const std::map<Path, Tree>& kept,
                     const std::map<Path, Tree>& given);

// Takes out what belongs to destinations strictly below `path`, as a write
// ignores it: maps that lose their last key stay, as {}, except in a merge.
// Nothing if a merge is left with nothing.
Tree WithoutDerived(const Rules& rules, const Path& path, const Value& value,
                    bool merge);

}  // namespace restate::test

#endif  // RESTATE_TESTS_DERIVATION_LAYERED_STATE_H_
