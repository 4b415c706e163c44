#ifndef RESTATE_ENGINE_COMMIT_MOUNT_RECORDS_H_
#define RESTATE_ENGINE_COMMIT_MOUNT_RECORDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/path/path.h"

// The records about mounts that are kept in the commit store, by the key of the
// mount point (docs/disk-format.md).
namespace restate::mount_records {

// How to mount it again; of mounts that the configuration does not have.
inline constexpr std::string_view kDefinitionPrefix = "mount/";
// What was mounted there last.
inline constexpr std::string_view kMountedPrefix = "mounted/";
// Its number in the journal.
inline constexpr std::string_view kJournalPrefix = "journal/";
// What it had applied when that was last released from the journal.
inline constexpr std::string_view kAppliedPrefix = "applied/";
// There if its cache has more than its backend.
inline constexpr std::string_view kDirtyPrefix = "dirty/";
// What it held when edits of it were told, as its backend names that, until it
// is written to.
inline constexpr std::string_view kSeenPrefix = "seen/";

// What is behind the name of a mount whose content is gone after a restart, while
// it has held nothing since that was last told: put there by the commit that tells
// of it, and taken away, durably, before the first write to it is published. A
// server that does not know of this takes it for another mount, and resets it.
inline constexpr std::string_view kEmptyMark = ", empty";

inline std::string DefinitionKey(const Path& at) {
  return std::string(kDefinitionPrefix) + at.key();
}
inline std::string MountedKey(const Path& at) {
  return std::string(kMountedPrefix) + at.key();
}
inline std::string JournalKey(const Path& at) {
  return std::string(kJournalPrefix) + at.key();
}
inline std::string AppliedKey(const Path& at) {
  return std::string(kAppliedPrefix) + at.key();
}
inline std::string DirtyKey(const Path& at) {
  return std::string(kDirtyPrefix) + at.key();
}
inline std::string SeenKey(const Path& at) {
  return std::string(kSeenPrefix) + at.key();
}
// In decimal.
std::string EncodeNumber(int64_t number);
std::optional<int64_t> DecodeNumber(std::string_view bytes);

}  // namespace restate::mount_records

#endif  // RESTATE_ENGINE_COMMIT_MOUNT_RECORDS_H_
