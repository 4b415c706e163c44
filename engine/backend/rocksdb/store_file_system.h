#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_STORE_FILE_SYSTEM_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_STORE_FILE_SYSTEM_H_

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/rocksdb/descriptor_reserve.h"
#include "rocksdb/file_system.h"

namespace restate {

// The file system as RocksDB sees it, with two differences.
//
// What cannot be opened because the process has no file descriptor left is
// opened with one of the reserve.
//
// A log that cannot be made, for whatever reason, while the database is open,
// fails when it is written to. RocksDB cannot cope with the former: it leaves
// references behind (DBImpl::ScheduleFlushes) and ends the process when it is
// closed. With the latter it can: the write fails, and nothing of it is there.
// From then on no log is deleted, until the database is opened again: which one
// is the newest (newest_log.h) goes by the files.
//
// Thread-safe.
class StoreFileSystem final : public ::rocksdb::FileSystemWrapper {
 public:
  StoreFileSystem(std::shared_ptr<::rocksdb::FileSystem> target,
                  std::shared_ptr<DescriptorReserve> reserve)
      : FileSystemWrapper(std::move(target)), reserve_(std::move(reserve)) {}

  const char* Name() const override { return "restate"; }

  // The database is open: from now on logs are made as it says above.
  void set_open() { open_.store(true, std::memory_order_relaxed); }

  ::rocksdb::IOStatus NewSequentialFile(
      const std::string& name, const ::rocksdb::FileOptions& options,
      std::unique_ptr<::rocksdb::FSSequentialFile>* file,
      ::rocksdb::IODebugContext* debug) override;
  ::rocksdb::IOStatus NewRandomAccessFile(
      const std::string& name, const ::rocksdb::FileOptions& options,
      std::unique_ptr<::rocksdb::FSRandomAccessFile>* file,
      ::rocksdb::IODebugContext* debug) override;
  ::rocksdb::IOStatus NewWritableFile(
      const std::string& name, const ::rocksdb::FileOptions& options,
      std::unique_ptr<::rocksdb::FSWritableFile>* file,
      ::rocksdb::IODebugContext* debug) override;
  ::rocksdb::IOStatus ReopenWritableFile(
      const std::string& name, const ::rocksdb::FileOptions& options,
      std::unique_ptr<::rocksdb::FSWritableFile>* file,
      ::rocksdb::IODebugContext* debug) override;
  ::rocksdb::IOStatus NewRandomRWFile(
      const std::string& name, const ::rocksdb::FileOptions& options,
      std::unique_ptr<::rocksdb::FSRandomRWFile>* file,
      ::rocksdb::IODebugContext* debug) override;
  ::rocksdb::IOStatus NewDirectory(
      const std::string& name, const ::rocksdb::IOOptions& options,
      std::unique_ptr<::rocksdb::FSDirectory>* directory,
      ::rocksdb::IODebugContext* debug) override;
  ::rocksdb::IOStatus GetChildren(const std::string& name,
                                  const ::rocksdb::IOOptions& options,
                                  std::vector<std::string>* children,
                                  ::rocksdb::IODebugContext* debug) override;
  ::rocksdb::IOStatus DeleteFile(const std::string& name,
                                 const ::rocksdb::IOOptions& options,
                                 ::rocksdb::IODebugContext* debug) override;
  ::rocksdb::IOStatus LockFile(const std::string& name,
                               const ::rocksdb::IOOptions& options,
                               ::rocksdb::FileLock** lock,
                               ::rocksdb::IODebugContext* debug) override;

 private:
  const std::shared_ptr<DescriptorReserve> reserve_;
  std::atomic<bool> open_ = false;
  std::atomic<bool> log_failed_ = false;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_STORE_FILE_SYSTEM_H_
