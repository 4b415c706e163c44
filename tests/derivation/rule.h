#ifndef RESTATE_TESTS_DERIVATION_RULE_H_
#define RESTATE_TESTS_DERIVATION_RULE_H_

#include <string>
#include <vector>

#include "engine/path/path.h"
#include "engine/tree/tree.h"
#include "restate/v1/derivation_service.pb.h"

namespace restate::test {

// What a function makes of its sources. Each is known twice: as Lua, and in C++.
enum class Body {
  // The first source.
  kCopy,
  // A map of all sources, by "k0", "k1", ….
  kGather,
  // The same with the number of their entries in place of maps.
  kSummary,
  // The sum of every number in all sources, as Lua adds.
  kTotal,
  // The first source; nil if that is a positive number.
  kUnlessPositive,
  // The first source; an error if that is a string.
  kNoStrings,
};

// What an aggregate takes of each child.
enum class Each { kChild, kNumbers, kFieldA };
// How an aggregate groups.
enum class GroupBy { kNone, kType, kSign, kFirstLetter };

// A derivation of which this test knows what it must give.
struct Rule {
  enum class Runs {
    kLua,
    kAggregate,
    // In Lua without sources: gives the first of `sources`, or, where that is a
    // map, {n = the second}.
    kTracked,
    // In a client that finds `body` by `name`.
    kHosted,
  };

  Path dest;
  std::vector<Path> sources;
  Runs runs = Runs::kLua;
  Body body = Body::kCopy;
  v1::Combine combine = v1::COMBINE_COUNT;
  Each each = Each::kChild;
  GroupBy group_by = GroupBy::kNone;
  std::string name;
  bool call_when_absent = false;
  v1::OnError on_error = v1::ON_ERROR_ABSENT;

  // How the server is told.
  v1::DeriveRequest ToRequest(const std::string& session_id) const;
  // For test failures.
  std::string ToText() const;
};

// What a transform gives: nothing for nil, unless it failed.
struct Computed {
  bool failed = false;
  Tree value;
};

// What the function gives for its sources; absent ones are nil.
Computed Call(Body body, const std::vector<Tree>& sources);
// What the aggregate gives for what its source reads as.
Computed Aggregate(const Rule& rule, const Tree& source);

}  // namespace restate::test

#endif  // RESTATE_TESTS_DERIVATION_RULE_H_
