#include "engine/backend/rocksdb/store_file_system.h"

#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

namespace restate {
namespace {

using ::rocksdb::FileOptions;
using ::rocksdb::IODebugContext;
using ::rocksdb::IOOptions;
using ::rocksdb::IOStatus;

constexpr std::string_view kLogSuffix = ".log";

// RocksDB keeps the words of the error and not its number.
bool IsOutOfDescriptors(const IOStatus& status) {
  if (!status.IsIOError()) return false;
  const std::string text = status.ToString();
  for (int error : {EMFILE, ENFILE}) {
    if (text.find(std::generic_category().message(error)) !=
        std::string::npos) {
      return true;
    }
  }
  return false;
}

bool IsLog(std::string_view name) { return name.ends_with(kLogSuffix); }

template <typename Open>
IOStatus OpenWith(DescriptorReserve& reserve, Open open) {
  while (true) {
    IOStatus status = open();
    if (status.ok() || !IsOutOfDescriptors(status) || !reserve.Spend()) {
      return status;
    }
  }
}

// A log that could not be made: whatever is to be brought to the disk is not.
class FailedLog final : public ::rocksdb::FSWritableFile {
 public:
  explicit FailedLog(IOStatus why) : why_(std::move(why)) {}

  using FSWritableFile::Append;
  IOStatus Append(const ::rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    return why_;
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options,
                    IODebugContext* debug) override {
    return IOStatus::OK();
  }
  // There is nothing that it could lose.
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    return IOStatus::OK();
  }
  IOStatus Flush(const IOOptions& options, IODebugContext* debug) override {
    return IOStatus::OK();
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return why_;
  }
  uint64_t GetFileSize(const IOOptions& options,
                       IODebugContext* debug) override {
    return 0;
  }

 private:
  const IOStatus why_;
};

}  // namespace

IOStatus StoreFileSystem::NewSequentialFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<::rocksdb::FSSequentialFile>* file,
    IODebugContext* debug) {
  return OpenWith(*reserve_, [&] {
    return target()->NewSequentialFile(name, options, file, debug);
  });
}

IOStatus StoreFileSystem::NewRandomAccessFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<::rocksdb::FSRandomAccessFile>* file,
    IODebugContext* debug) {
  return OpenWith(*reserve_, [&] {
    return target()->NewRandomAccessFile(name, options, file, debug);
  });
}

IOStatus StoreFileSystem::NewWritableFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<::rocksdb::FSWritableFile>* file, IODebugContext* debug) {
  IOStatus status = OpenWith(*reserve_, [&] {
    return target()->NewWritableFile(name, options, file, debug);
  });
  if (status.ok() || !open_.load(std::memory_order_relaxed) ||
      !IsLog(name)) {
    return status;
  }
  log_failed_.store(true);
  *file = std::make_unique<FailedLog>(std::move(status));
  return IOStatus::OK();
}

IOStatus StoreFileSystem::ReopenWritableFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<::rocksdb::FSWritableFile>* file, IODebugContext* debug) {
  return OpenWith(*reserve_, [&] {
    return target()->ReopenWritableFile(name, options, file, debug);
  });
}

IOStatus StoreFileSystem::NewRandomRWFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<::rocksdb::FSRandomRWFile>* file, IODebugContext* debug) {
  return OpenWith(*reserve_, [&] {
    return target()->NewRandomRWFile(name, options, file, debug);
  });
}

IOStatus StoreFileSystem::NewDirectory(
    const std::string& name, const IOOptions& options,
    std::unique_ptr<::rocksdb::FSDirectory>* directory,
    IODebugContext* debug) {
  return OpenWith(*reserve_, [&] {
    return target()->NewDirectory(name, options, directory, debug);
  });
}

IOStatus StoreFileSystem::GetChildren(const std::string& name,
                                      const IOOptions& options,
                                      std::vector<std::string>* children,
                                      IODebugContext* debug) {
  return OpenWith(*reserve_, [&] {
    return target()->GetChildren(name, options, children, debug);
  });
}

IOStatus StoreFileSystem::DeleteFile(const std::string& name,
                                     const IOOptions& options,
                                     IODebugContext* debug) {
  if (IsLog(name) && log_failed_.load()) return IOStatus::OK();
  return target()->DeleteFile(name, options, debug);
}

IOStatus StoreFileSystem::LockFile(const std::string& name,
                                   const IOOptions& options,
                                   ::rocksdb::FileLock** lock,
                                   IODebugContext* debug) {
  return OpenWith(*reserve_, [&] {
    return target()->LockFile(name, options, lock, debug);
  });
}

}  // namespace restate
