#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_SALVAGE_SOURCE_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_SALVAGE_SOURCE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/db.h"

namespace restate {

// The data files of a damaged database, opened for reading as far as they can
// be, without its logs. What is damaged inside of a file that can be opened
// shows when it is read.
//
// Works on links to the files in a directory of its own: nothing is written to
// the database. Thread-compatible.
class SalvageSource {
 public:
  // `work` must not exist; it is made, on the same file system, and the caller
  // removes it. What cannot be used is described in `losses`, one line each.
  // UNAVAILABLE / MOUNT_UNAVAILABLE: there is no room, or no permission.
  //
  // kWholeFiles leaves out every file that is damaged anywhere, so that what the
  // others have can be read also where such a file has something damaged.
  enum class Use { kWhatOpens, kWholeFiles };
  static absl::StatusOr<std::unique_ptr<SalvageSource>> Open(
      const std::string& directory, const std::string& work, Use use,
      std::vector<std::string>* losses);
  ~SalvageSource();
  SalvageSource(const SalvageSource&) = delete;
  SalvageSource& operator=(const SalvageSource&) = delete;

  // Null if nothing of this family is in a file that can be opened.
  std::unique_ptr<::rocksdb::Iterator> NewIterator(
      std::string_view family) const;

  // The name of the family with this number in the logs; empty if there is
  // none.
  std::string FamilyName(uint32_t number) const;

  // Whatever has at most this sequence number has gone from the logs to files,
  // for one family.
  uint64_t FlushedThrough(std::string_view family) const;
  // The same for any family.
  uint64_t FlushedThrough() const;

 private:
  SalvageSource(std::string directory, std::string work, Use use,
                std::vector<std::string>* losses)
      : directory_(std::move(directory)),
        work_(std::move(work)),
        use_(use),
        losses_(losses) {}

  absl::Status LinkFiles();
  // Whether CURRENT names a MANIFEST in the end.
  bool PrepareCurrent();
  // Opens what is in `work`; false if it cannot be.
  bool OpenDatabase();
  // Removes the files that cannot be opened, and tells whether there are any.
  // Those that do not count are removed too, if it is known which do.
  bool DropBroken(bool opened);
  // Has RocksDB make a new MANIFEST for the files that are left.
  bool Rebuild();
  void NoteFlushed();
  void Close();

  const std::string directory_;
  const std::string work_;
  const Use use_;
  std::vector<std::string>* const losses_;
  std::unique_ptr<::rocksdb::DB> db_;
  std::vector<::rocksdb::ColumnFamilyHandle*> families_;
  std::map<std::string, uint64_t, std::less<>> flushed_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_SALVAGE_SOURCE_H_
