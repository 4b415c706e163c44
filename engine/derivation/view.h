#ifndef RESTATE_ENGINE_DERIVATION_VIEW_H_
#define RESTATE_ENGINE_DERIVATION_VIEW_H_

namespace restate {

// Which part of a node a read shows: restate.v1.View. "Derived" is what is
// derived strictly below the path that is read; a derived path by itself reads
// as it is in every view.
enum class View { kAll, kWithoutDerived, kOwnValue };

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_VIEW_H_
