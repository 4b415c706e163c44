#ifndef RESTATE_TESTS_WATCH_VALIDATORS_H_
#define RESTATE_TESTS_WATCH_VALIDATORS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/property/model.h"
#include "tests/watch/recording.h"

namespace restate::test {

// What subscribers are promised, each promise on its own. Every validator gives
// what breaks it, in words; nothing if nothing does.
//
// `log` is what the stretch's subscriber should be told of all commits, in
// order: what the model emits, filtered by what was wished for and without what
// interceptors stopped.

// Revision, operation, depth, path, pattern: never the other way.
std::vector<std::string> CheckOrdered(const Stretch& stretch);

// No event twice, over all streams.
std::vector<std::string> CheckUnique(const Stretch& stretch);

// A batch says revision r only when every event up to r was told, and no event
// up to r follows; and what it says never decreases.
std::vector<std::string> CheckAtomic(const Stretch& stretch,
                                     const std::vector<ModelEvent>& log);

// Nothing is missing before what was told, and nothing was told that did not
// happen.
std::vector<std::string> CheckReliable(const Stretch& stretch,
                                       const std::vector<ModelEvent>& log);

// Nothing that does not match.
std::vector<std::string> CheckFiltered(const Stretch& stretch,
                                       const Wish& wish);

// Previous and new values, and the kind, are those of the log.
std::vector<std::string> CheckValues(const Stretch& stretch,
                                     const std::vector<ModelEvent>& log);

// Where a subscriber hears of a path itself, and was told of nothing below it
// in between, the previous value is the last new one. `silent` says whether
// something may have happened to the path, between two revisions, that nobody
// was told of, or that a default value stands in for what was there.
std::vector<std::string> CheckChained(
    const Stretch& stretch,
    const std::function<bool(const Path& path, int64_t after,
                             int64_t through)>& silent);

// An interrupted stream is as an uninterrupted one, where both reach.
std::vector<std::string> CheckResumable(const Stretch& interrupted,
                                        const Stretch& uninterrupted);

// For those who asked for less than every event: of each emitting path, place
// and pattern, what was told and what it stands for is all there was, from the
// previous value of the first to the new value of the last; and a batch says
// revision r only when that is so up to r.
std::vector<std::string> CheckCoalesced(const Stretch& stretch,
                                        const std::vector<ModelEvent>& log);

// The snapshot that the stretch began with, if any, is `expected`.
std::vector<std::string> CheckSnapshot(const Stretch& stretch,
                                       const std::vector<ModelEvent>& expected);

}  // namespace restate::test

#endif  // RESTATE_TESTS_WATCH_VALIDATORS_H_
