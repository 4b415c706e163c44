#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_SALVAGE_WRITER_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_SALVAGE_WRITER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "engine/backend/backend.h"
#include "engine/backend/rocksdb/instance.h"
#include "rocksdb/write_batch.h"

namespace restate {

// Fills a new, empty store with the records of a damaged one: those of the
// families `meta`, first, and then `tree` and `journal`. Records that cannot be
// read are left out and named. History and answered requests are not taken: they
// belong to the epoch that is over.
//
// Thread-compatible. After an error everything else is refused with it.
class SalvageWriter {
 public:
  // Both outlive the writer. Losses are one line each.
  SalvageWriter(Instance* store, std::vector<std::string>* losses)
      : store_(store), losses_(losses) {}

  // Whether anything of the family is taken.
  static bool Takes(std::string_view family);

  void Put(std::string_view family, std::string_view key,
           std::string_view value);
  void Delete(std::string_view family, std::string_view key);
  void DeleteRange(std::string_view family, std::string_view begin,
                   std::string_view end);

  // What lies between two keys of a family could not be read; nothing: from its
  // beginning, or to its end. Older or newer values there may follow.
  void LoseRange(std::string_view family,
                 const std::optional<std::string>& after,
                 const std::optional<std::string>& before);

  // The last commit that the records speak of.
  Revision last_committed() const { return last_committed_; }

  // Writes what is left, and the state of the store. UNAVAILABLE if there is no
  // room; errors of what was refused.
  absl::Status Finish();

 private:
  // Whether the record is one; else it is named.
  bool IsReadable(std::string_view family, std::string_view key,
                  std::string_view value);
  bool TakeMeta(std::string_view key, std::string_view value);
  ::rocksdb::ColumnFamilyHandle* FamilyOf(std::string_view name) const;
  // "/users/1", as well as it is known.
  std::string PlaceOf(std::string_view family, std::string_view key) const;
  bool IsDerived(std::string_view tree_key) const;
  void WriteIfLarge(size_t bytes);
  absl::Status Write();
  void CompleteMounts();

  Instance* const store_;
  std::vector<std::string>* const losses_;
  ::rocksdb::WriteBatch batch_;
  absl::Status status_;
  // The mount points by their numbers, as keys of paths.
  std::map<uint32_t, std::string> mounts_;
  std::map<uint32_t, std::string> journals_;
  uint32_t next_mount_ = 1;
  Revision last_committed_ = 0;
  Revision reserved_ = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_SALVAGE_WRITER_H_
