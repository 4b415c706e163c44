// What damage to the files does: an end of the log that was cut off is a batch
// that was never answered; everything else is DATA_LOSS, and never absence.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/rocksdb/disk_format.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"
#include "rocksdb/db.h"

namespace restate {
namespace {

namespace fs = std::filesystem;

Path P(std::string_view text) { return *Path::Parse(text); }

class RocksDbDamageTest : public testing::Test {
 protected:
  RocksDbDamageTest() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = testing::TempDir() + "/" + info->name();
    fs::remove_all(directory_);
    EXPECT_EQ(Open(), absl::OkStatus());
  }
  ~RocksDbDamageTest() override {
    Stop();
    fs::remove_all(directory_);
  }

  absl::Status Open() {
    Stop();
    auto store = RocksDbStore::Open({.directory = directory_});
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    auto mount = store_->OpenMount(Path());
    if (!mount.ok()) return mount.status();
    mount_ = *std::move(mount);
    return absl::OkStatus();
  }
  void Stop() {
    mount_ = nullptr;
    store_ = nullptr;
  }
  void Set(std::string_view path, std::string value, Revision revision) {
    CommitBatch batch{revision, revision, {}};
    batch.mounts.push_back({*mount_->commit_store_mount(),
                            {Write{P(path), Write::Scope::kSubtree,
                                   Value::String(std::move(value)), revision,
                                   {}}}});
    ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  }
  absl::StatusOr<ReadResult> Read(std::string_view path) {
    return (*mount_->TakeSnapshot())->Read(P(path), ReadLimits());
  }

  static std::string Contents(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  // The one file with this ending that holds `text`.
  fs::path FileWith(std::string_view extension, std::string_view text) {
    fs::path found;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      if (entry.path().extension() == extension &&
          Contents(entry.path()).find(text) != std::string::npos) {
        EXPECT_TRUE(found.empty());
        found = entry.path();
      }
    }
    EXPECT_FALSE(found.empty());
    return found;
  }
  // Changes one byte of `text` in a file.
  static void Damage(const fs::path& file, std::string_view text) {
    std::string bytes = Contents(file);
    bytes[bytes.find(text) + text.size() / 2] ^= 0x20;
    std::ofstream(file, std::ios::binary) << bytes;
  }
  void ExpectDataLoss(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_EQ(ErrorReason(status), "CORRUPT");
    EXPECT_NE(status.message().find(directory_), absl::string_view::npos)
        << status;
  }

  // Writes to one of the families: tree is 1, meta 2, history 3, requests 4,
  // journal 5.
  void PutBehindItsBack(int family, const std::string& key,
                        const std::string& value) {
    std::vector<::rocksdb::ColumnFamilyDescriptor> families;
    for (const char* name :
         {"default", disk_format::kTreeFamily, disk_format::kMetaFamily,
          disk_format::kHistoryFamily, disk_format::kRequestsFamily,
          disk_format::kJournalFamily}) {
      families.emplace_back(name, ::rocksdb::ColumnFamilyOptions());
    }
    std::vector<::rocksdb::ColumnFamilyHandle*> handles;
    ::rocksdb::DB* db = nullptr;
    ASSERT_TRUE(::rocksdb::DB::Open(::rocksdb::DBOptions(), directory_,
                                    families, &handles, &db)
                    .ok());
    ASSERT_TRUE(
        db->Put(::rocksdb::WriteOptions(), handles[family], key, value).ok());
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
    delete db;
  }

  std::string directory_;
  std::unique_ptr<RocksDbStore> store_;
  std::unique_ptr<Backend> mount_;
};

TEST_F(RocksDbDamageTest, ATornEndOfTheLogIsDropped) {
  Set("/a", "first", 1);
  Set("/a", "second", 2);
  Set("/a", "third", 3);
  Stop();
  const fs::path log = FileWith(".log", "third");
  const std::string bytes = Contents(log);
  fs::resize_file(log, bytes.rfind("third") + 2);
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_EQ(store_->state().last_committed, 2);
  EXPECT_EQ(Read("/a")->tree, Tree(Value::String("second")));
  Set("/a", "again", 3);
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_EQ(Read("/a")->tree, Tree(Value::String("again")));
}

TEST_F(RocksDbDamageTest, DamageInTheMiddleOfTheLogIsDataLoss) {
  Set("/a", "the first value", 1);
  Set("/a", "the second value", 2);
  Stop();
  Damage(FileWith(".log", "the first value"), "the first value");
  ExpectDataLoss(Open());
}

TEST_F(RocksDbDamageTest, ADamagedFileIsDataLossAndNotAbsence) {
  Set("/a", "a value to be damaged", 1);
  ASSERT_EQ(store_->Close(1), absl::OkStatus());
  Stop();
  Damage(FileWith(".sst", "a value to be damaged"), "a value to be damaged");
  absl::Status status = Open();
  if (status.ok()) {
    status = Read("/a").status();
    ExpectDataLoss((*mount_->TakeSnapshot())->Probe(P("/a")).status());
    ExpectDataLoss(Read("/").status());
  }
  ExpectDataLoss(status);
}

TEST_F(RocksDbDamageTest, AMissingFileIsDataLoss) {
  Set("/a", "a value to be lost", 1);
  ASSERT_EQ(store_->Close(1), absl::OkStatus());
  Stop();
  fs::remove(FileWith(".sst", "a value to be lost"));
  ExpectDataLoss(Open());
}

TEST_F(RocksDbDamageTest, AMissingCurrentFileIsDataLossAndNotANewStore) {
  Set("/a", "x", 1);
  ASSERT_EQ(store_->Close(1), absl::OkStatus());
  Stop();
  fs::remove(fs::path(directory_) / "CURRENT");
  ExpectDataLoss(Open());
}

TEST_F(RocksDbDamageTest, ARecordThatDoesNotParseNamesItsPath) {
  Set("/a", "x", 1);
  Set("/users/~1x", "y", 2);
  Stop();
  PutBehindItsBack(1, disk_format::TreeKey(1, P("/users/~1x").key()),
                   "\x07not a leaf");
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_EQ(Read("/a")->tree, Tree(Value::String("x")));
  const absl::Status status = Read("/users").status();
  ExpectDataLoss(status);
  EXPECT_EQ(ErrorMetadata(status)["path"], "/users/~1x");
  EXPECT_NE(status.message().find("unknown format 7"),
            absl::string_view::npos)
      << status;
}

TEST_F(RocksDbDamageTest, HistoryThatIsUnreadableIsDataLoss) {
  Set("/a", "x", 1);
  const auto read = [this] {
    return store_->history()->Read(
        0, 100, [](const HistoryLog::Record&) { return true; });
  };
  Stop();
  PutBehindItsBack(3, disk_format::HistoryKey(1) + "?", "");
  ASSERT_EQ(Open(), absl::OkStatus());
  ExpectDataLoss(read());
  Stop();
  PutBehindItsBack(2, disk_format::SegmentKey(1), "short");
  ASSERT_EQ(Open(), absl::OkStatus());
  ExpectDataLoss(store_->history()->ReadOutline().status());
  Stop();
  PutBehindItsBack(2, std::string(disk_format::kForgottenKey), "short");
  ASSERT_EQ(Open(), absl::OkStatus());
  ExpectDataLoss(store_->history()->ReadOutline().status());
}

TEST_F(RocksDbDamageTest, AJournalThatIsUnreadableIsDataLoss) {
  CommitBatch batch{7, 7, {}};
  batch.journal = {{2,
                    {Write{P("/a"), Write::Scope::kSubtree, Value::Int(1), 7,
                           {}}}}};
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  Stop();
  PutBehindItsBack(5, disk_format::JournalKey(2, 8, 0), "\x07not a write");
  ASSERT_EQ(Open(), absl::OkStatus());
  const absl::Status status = store_->ReadJournal(2, [](Write) {});
  ExpectDataLoss(status);
  EXPECT_NE(status.message().find("mount 2 is unreadable after revision 7"),
            absl::string_view::npos)
      << status;
  EXPECT_EQ(store_->ReadJournal(1, [](Write) {}), absl::OkStatus());
}

TEST_F(RocksDbDamageTest, RecordsThatAreUnreadableAreRefusedAtTheStart) {
  Stop();
  PutBehindItsBack(2, disk_format::RecordKey("mount/users"), "");
  const absl::Status record = Open();
  ExpectDataLoss(record);
  EXPECT_NE(record.message().find("mount/users"), absl::string_view::npos);
  PutBehindItsBack(2, disk_format::RecordKey("mount/users"), "\x01x");
  ASSERT_EQ(Open(), absl::OkStatus());
  Stop();
  PutBehindItsBack(2, std::string(disk_format::kLeaseKeyPrefix) + "a",
                   "\x01\x05");
  ExpectDataLoss(Open());
}

TEST_F(RocksDbDamageTest, AnAnsweredRequestThatIsUnreadableIsDataLoss) {
  Stop();
  PutBehindItsBack(4, disk_format::RequestKey(3), "short");
  ASSERT_EQ(Open(), absl::OkStatus());
  ExpectDataLoss(store_->ReadRequests([](StoredRequest) {}));
}

}  // namespace
}  // namespace restate
