// A log that could not be made (no descriptor left, a disk that became read-only)
// ended the process: RocksDB left references to column families behind, and its
// assertion on them failed when the store was closed to be opened again.
#include "engine/backend/rocksdb/store_file_system.h"

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/write_batch.h"

namespace restate {
namespace {

// Makes no log while it is told not to.
class NoNewLogs final : public ::rocksdb::FileSystemWrapper {
 public:
  NoNewLogs() : FileSystemWrapper(::rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "NoNewLogs"; }
  ::rocksdb::IOStatus NewWritableFile(
      const std::string& name, const ::rocksdb::FileOptions& options,
      std::unique_ptr<::rocksdb::FSWritableFile>* file,
      ::rocksdb::IODebugContext* debug) override {
    if (refuse && name.ends_with(".log")) {
      ++refused;
      return ::rocksdb::IOStatus::IOError("Read-only file system");
    }
    return target()->NewWritableFile(name, options, file, debug);
  }

  std::atomic<bool> refuse = false;
  std::atomic<int> refused = 0;
};

// A database of two column families that are full at the same time.
class StoreFileSystemTest : public testing::Test {
 protected:
  StoreFileSystemTest() : directory_(testing::TempDir() + "/no_new_logs") {
    std::filesystem::remove_all(directory_);
  }
  ~StoreFileSystemTest() override {
    Close();
    std::filesystem::remove_all(directory_);
  }

  void Open() {
    auto files = std::make_shared<StoreFileSystem>(
        disk_, std::make_shared<DescriptorReserve>(4));
    env_ = ::rocksdb::NewCompositeEnv(files);
    ::rocksdb::Options options;
    options.env = env_.get();
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    options.write_buffer_size = size_t{64} << 10;
    options.track_and_verify_wals_in_manifest = true;
    options.max_bgerror_resume_count = 0;
    ::rocksdb::DB* db = nullptr;
    const ::rocksdb::Status opened = ::rocksdb::DB::Open(
        options, directory_,
        {{::rocksdb::kDefaultColumnFamilyName, options}, {"other", options}},
        &families_, &db);
    ASSERT_TRUE(opened.ok()) << opened.ToString();
    db_.reset(db);
    files->set_open();
  }
  void Close() {
    if (db_ == nullptr) return;
    for (auto* family : families_) db_->DestroyColumnFamilyHandle(family);
    families_.clear();
    db_.reset();
  }
  ::rocksdb::Status Put(int number, bool sync) {
    ::rocksdb::WriteBatch batch;
    for (auto* family : families_) {
      batch.Put(family, std::to_string(number), std::string(10'000, 'x'));
    }
    ::rocksdb::WriteOptions options;
    options.sync = sync;
    return db_->Write(options, &batch);
  }
  bool IsThere(int number) {
    std::string value;
    int found = 0;
    for (auto* family : families_) {
      if (db_->Get({}, family, std::to_string(number), &value).ok()) ++found;
    }
    EXPECT_NE(found, 1) << number << " is there in part";
    return found == 2;
  }

  const std::string directory_;
  const std::shared_ptr<NoNewLogs> disk_ = std::make_shared<NoNewLogs>();
  std::unique_ptr<::rocksdb::Env> env_;
  std::unique_ptr<::rocksdb::DB> db_;
  std::vector<::rocksdb::ColumnFamilyHandle*> families_;
};

TEST_F(StoreFileSystemTest, ALogThatCannotBeMadeFailsItsWritesAndNothingElse) {
  for (const bool sync : {true, false}) {
    SCOPED_TRACE(sync);
    Close();
    std::filesystem::remove_all(directory_);
    Open();
    disk_->refuse = true;
    disk_->refused = 0;
    int written = 0;
    ::rocksdb::Status status;
    while ((status = Put(written, sync)).ok() && written < 1'000) ++written;
    EXPECT_TRUE(status.IsIOError()) << status.ToString();
    EXPECT_GT(disk_->refused, 0);
    EXPECT_GT(written, 3);
    // What was written before can be read, then and when it is open again.
    EXPECT_TRUE(IsThere(written - 1));
    Close();
    disk_->refuse = false;
    Open();
    for (int i = 0; i < written; ++i) EXPECT_TRUE(IsThere(i)) << i;
    EXPECT_FALSE(IsThere(written));
    EXPECT_TRUE(Put(written, sync).ok());
  }
}

TEST_F(StoreFileSystemTest, AFailedLogKeepsThoseBeforeIt) {
  Open();
  disk_->refuse = true;
  int written = 0;
  while (Put(written, true).ok()) ++written;
  for (auto* family : families_) {
    db_->Flush(::rocksdb::FlushOptions(), family).PermitUncheckedError();
  }
  int logs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    if (entry.path().extension() == ".log") ++logs;
  }
  EXPECT_EQ(logs, 1);
}

}  // namespace
}  // namespace restate
