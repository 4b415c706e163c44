#ifndef RESTATE_ENGINE_TRACKING_LISTING_CHANGE_H_
#define RESTATE_ENGINE_TRACKING_LISTING_CHANGE_H_

#include "engine/commit/effect.h"
#include "engine/path/path.h"

namespace restate {

// Whether an effect may have changed what a listing of the children of `path`
// shows: their names, and whether each has an own value and children. Derived
// ones are listed like others, also those that a leaf hides from reading.
//
// Never false if something that is listed changed. True without that only where
// it cannot be told: if something came or went further down, or values were
// left out of the effect.
//
// REQUIRES: one of the two paths is at or below the other; no ping.
bool MayChangeListing(const Path& path, const Effect& effect);

}  // namespace restate

#endif  // RESTATE_ENGINE_TRACKING_LISTING_CHANGE_H_
