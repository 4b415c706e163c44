#include "engine/subscription/reset_floors.h"

#include <algorithm>

namespace restate {

bool ResetFloors::HasRoomFor(const Path& path) const {
  if (floors_.size() >= kMaxFloors) return false;
  size_t bytes = path.key().size();
  for (const ResetFloor& floor : floors_) bytes += floor.path.key().size();
  return bytes <= kMaxKeyBytes;
}

void ResetFloors::Add(const Path& path, Revision revision) {
  std::erase_if(floors_, [&](const ResetFloor& floor) {
    return path.Contains(floor.path);
  });
  floors_.push_back({path, revision});
}

bool ResetFloors::Cover(const Path& current_path, Revision revision) const {
  return std::any_of(floors_.begin(), floors_.end(),
                     [&](const ResetFloor& floor) {
                       return revision <= floor.revision &&
                              floor.path.StrictlyContains(current_path);
                     });
}

bool ResetFloors::CoverReset(const Path& path, Revision revision) const {
  return std::any_of(floors_.begin(), floors_.end(),
                     [&](const ResetFloor& floor) {
                       return revision < floor.revision &&
                              floor.path.Contains(path);
                     });
}

void ResetFloors::ForgetThrough(Revision revision) {
  std::erase_if(floors_, [&](const ResetFloor& floor) {
    return floor.revision <= revision;
  });
}

}  // namespace restate
