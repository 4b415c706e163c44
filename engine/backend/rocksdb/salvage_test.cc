// What a damaged store is turned into when that is accepted: everything that can
// be read is there, nothing that was not written is, and what is lost is named.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "engine/backend/rocksdb/disk_format.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/error/error.h"
#include "engine/tree/tree.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rocksdb/db.h"

namespace restate {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Path P(std::string_view text) { return *Path::Parse(text); }

class SalvageTest : public testing::Test {
 protected:
  SalvageTest() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    base_ = fs::path(testing::TempDir()) / info->name();
    fs::remove_all(base_);
    fs::create_directories(base_);
    directory_ = base_ / "store";
    EXPECT_EQ(Open(false), absl::OkStatus());
    epoch_ = store_->state().epoch;
  }
  ~SalvageTest() override {
    Stop();
    fs::remove_all(base_);
  }

  absl::Status Open(bool accept) {
    Stop();
    RocksDbOptions options;
    options.directory = directory_;
    options.accept_data_loss = accept;
    auto store = RocksDbStore::Open(options);
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
  // Refused without leave, taken with it; in a new epoch, whose history is
  // empty and which has no answers to give again.
  void Salvage() {
    const absl::Status refused = Open(false);
    ASSERT_EQ(refused.code(), absl::StatusCode::kDataLoss) << refused;
    ASSERT_TRUE(absl::StrContains(refused.message(), "--accept-data-loss"))
        << refused;
    const absl::Status opened = Open(true);
    ASSERT_EQ(opened, absl::OkStatus());
    ExpectNewEpoch();
  }
  void ExpectNewEpoch() {
    EXPECT_TRUE(store_->salvaged());
    EXPECT_NE(store_->state().epoch, epoch_);
    EXPECT_TRUE(store_->state().existed);
    EXPECT_TRUE(fs::exists(base_ / "store.damaged-1"));
    EXPECT_FALSE(fs::exists(base_ / "store.salvaging"));
    EXPECT_FALSE(fs::exists(base_ / "store.salvaging-files"));
    const Revision last = store_->state().last_committed;
    EXPECT_GE(store_->state().reserved, last + 1'000'000);
    const auto outline = store_->history()->ReadOutline();
    ASSERT_TRUE(outline.ok()) << outline.status();
    EXPECT_EQ(outline->forgotten_through, last);
    EXPECT_THAT(outline->segments, IsEmpty());
    EXPECT_EQ(store_->history()->Read(0, last,
                                      [](const HistoryLog::Record& record) {
                                        ADD_FAILURE() << record.revision;
                                        return true;
                                      }),
              absl::OkStatus());
    EXPECT_EQ(store_->ReadRequests([](StoredRequest request) {
      ADD_FAILURE() << request.sequence;
    }),
              absl::OkStatus());
  }
  // The lines after the first three.
  std::vector<std::string> Losses() const {
    std::vector<std::string> lines = absl::StrSplit(
        store_->state().records.at(std::string(kLossesRecord)), '\n');
    EXPECT_GE(lines.size(), 4u);
    EXPECT_EQ(lines[2], (base_ / "store.damaged-1").string());
    lines.erase(lines.begin(), lines.begin() + 3);
    return lines;
  }

  CommitBatch BatchOf(std::string_view path, Tree value, Revision revision) {
    CommitBatch batch{revision, revision + 100, {}};
    batch.mounts.push_back({*mount_->commit_store_mount(),
                            {Write{P(path), Write::Scope::kSubtree,
                                   std::move(value), revision, {}}}});
    batch.history.commits = {{revision, "past"}};
    batch.requests.answered = {{static_cast<uint64_t>(revision),
                                {static_cast<uint64_t>(revision), 9},
                                absl::FromUnixSeconds(1), "answer"}};
    return batch;
  }
  void Set(std::string_view path, std::string value, Revision revision) {
    ASSERT_EQ(store_->Commit(BatchOf(path, Value::String(std::move(value)),
                                     revision)),
              absl::OkStatus());
  }
  // As `{"a": "x"}`, or why it cannot be read.
  std::map<std::string, std::string> Leaves() {
    std::map<std::string, std::string> leaves;
    absl::StatusOr<ReadResult> read =
        (*mount_->TakeSnapshot())->Read(Path(), ReadLimits());
    EXPECT_TRUE(read.ok()) << read.status();
    if (!read.ok()) return leaves;
    tree::ForEachOwnValue(read->tree, [&](const Path& path, const Value& own) {
      leaves[path.ToText()] = own.as_string();
      return true;
    });
    return leaves;
  }
  // What is in the log goes to files.
  void CloseAndOpen(Revision last) {
    ASSERT_EQ(store_->Close(last), absl::OkStatus());
    ASSERT_EQ(Open(false), absl::OkStatus());
  }

  static std::string Contents(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  std::vector<fs::path> FilesWith(std::string_view name,
                                  std::string_view text) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      if (entry.path().filename().string().find(name) != std::string::npos &&
          Contents(entry.path()).find(text) != std::string::npos) {
        found.push_back(entry.path());
      }
    }
    EXPECT_FALSE(found.empty());
    return found;
  }
  static void Damage(const fs::path& file, size_t at) {
    std::string bytes = Contents(file);
    bytes[at] ^= 0x20;
    std::ofstream(file, std::ios::binary) << bytes;
  }
  void DamageText(std::string_view name, std::string_view text) {
    const fs::path file = FilesWith(name, text).at(0);
    Damage(file, Contents(file).find(text) + text.size() / 2);
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

  fs::path base_;
  std::string directory_;
  std::string epoch_;
  std::unique_ptr<RocksDbStore> store_;
  std::unique_ptr<Backend> mount_;
};

using Leaf = std::map<std::string, std::string>;

TEST_F(SalvageTest, AnUndamagedStoreStaysAsItIs) {
  Set("/a", "x", 1);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(Open(true), absl::OkStatus());
    EXPECT_FALSE(store_->salvaged());
    EXPECT_EQ(store_->state().epoch, epoch_);
    EXPECT_EQ(store_->state().last_committed, 1);
    EXPECT_FALSE(store_->state().records.contains(std::string(kLossesRecord)));
    EXPECT_EQ(Leaves(), (Leaf{{"/a", "x"}}));
  }
  EXPECT_FALSE(fs::exists(base_ / "store.damaged-1"));
}

TEST_F(SalvageTest, ABatchInTheMiddleOfTheLogIsLostAlone) {
  Set("/a", "the first value", 1);
  Set("/a", "the second value", 2);
  Set("/b", "the third value", 3);
  Stop();
  DamageText(".log", "the second value");
  Salvage();
  EXPECT_EQ(Leaves(),
            (Leaf{{"/a", "the first value"}, {"/b", "the third value"}}));
  EXPECT_EQ(store_->state().last_committed, 3);
  EXPECT_THAT(Losses(),
              Contains(HasSubstr("the commits after revision 1 and before "
                                 "revision 3")));
  // And it is a store like any other.
  const std::string epoch = store_->state().epoch;
  const Revision next = store_->state().reserved + 1;
  Set("/c", "new", next);
  ASSERT_EQ(Open(false), absl::OkStatus());
  EXPECT_EQ(store_->state().epoch, epoch);
  EXPECT_EQ(Leaves().at("/c"), "new");
}

TEST_F(SalvageTest, ABlockOfADataFileIsLostAndWhatIsAroundItIsNot) {
  CommitBatch batch{1, 100, {}};
  batch.mounts.push_back({*mount_->commit_store_mount(), {}});
  for (int i = 1000; i < 3000; ++i) {
    batch.mounts[0].writes.push_back(
        Write{P(absl::StrCat("/many/", i)), Write::Scope::kSubtree,
              Value::String(absl::StrCat(std::string(90, 'v'), i)), 1, {}});
  }
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  Set("/other", "kept", 2);
  CloseAndOpen(2);
  Stop();
  const fs::path file = FilesWith(".sst", "many").at(0);
  Damage(file, 12'000);

  // Only reading shows it.
  ASSERT_EQ(Open(false), absl::OkStatus());
  ASSERT_EQ((*mount_->TakeSnapshot())->Read(P("/many"), ReadLimits())
                .status().code(),
            absl::StatusCode::kDataLoss);
  ASSERT_EQ(Open(true), absl::OkStatus());
  ExpectNewEpoch();
  const Leaf leaves = Leaves();
  EXPECT_EQ(leaves.at("/other"), "kept");
  EXPECT_EQ(leaves.at("/many/1000"), std::string(90, 'v') + "1000");
  EXPECT_EQ(leaves.at("/many/2999"), std::string(90, 'v') + "2999");
  // A block, and not much more.
  EXPECT_GT(leaves.size(), 1'700u);
  EXPECT_LT(leaves.size(), 2'001u);
  EXPECT_THAT(Losses(),
              Contains(testing::MatchesRegex(
                  "values after /many/.... and before /many/....: they are "
                  "absent, or as they were earlier")));
}

TEST_F(SalvageTest, TheOnlyBlockOfADataFileIsLost) {
  Set("/a", "a value that goes", 1);
  CloseAndOpen(1);
  Set("/b", "a value that stays", 2);
  Stop();
  Damage(FilesWith(".sst", "a value that goes").at(0), 10);
  ASSERT_EQ(Open(true), absl::OkStatus());
  ExpectNewEpoch();
  EXPECT_EQ(Leaves(), (Leaf{{"/b", "a value that stays"}}));
  EXPECT_THAT(Losses(), Contains(HasSubstr("values from the beginning")));
}

// A small file with one block may span the whole tree.
TEST_F(SalvageTest, WhatOtherFilesHaveInADamagedRangeIsKept) {
  Set("/a", "a value that goes", 1);
  Set("/z", "another that goes", 1);
  CloseAndOpen(1);
  Set("/m", "a value that stays", 2);
  CloseAndOpen(2);
  Set("/n", "in the log", 3);
  Stop();
  Damage(FilesWith(".sst", "a value that goes").at(0), 10);
  ASSERT_EQ(Open(true), absl::OkStatus());
  ExpectNewEpoch();
  EXPECT_EQ(Leaves(),
            (Leaf{{"/m", "a value that stays"}, {"/n", "in the log"}}));
  EXPECT_THAT(Losses(), Contains(HasSubstr("values from the beginning to the "
                                           "end: they are absent")));
}

TEST_F(SalvageTest, AMissingDataFileIsNamed) {
  Set("/a", "a value that goes", 1);
  CloseAndOpen(1);
  Set("/b", "a value that stays", 2);
  Stop();
  const fs::path file = FilesWith(".sst", "a value that goes").at(0);
  fs::remove(file);
  Salvage();
  EXPECT_EQ(Leaves(), (Leaf{{"/b", "a value that stays"}}));
  EXPECT_THAT(Losses(), Contains(HasSubstr(absl::StrCat(
                            file.filename().string(),
                            " (tree), which is missing"))));
}

TEST_F(SalvageTest, ADataFileThatCannotBeOpenedIsNamed) {
  Set("/a", "a value that goes", 1);
  CloseAndOpen(1);
  Set("/b", "a value that stays", 2);
  Stop();
  const fs::path file = FilesWith(".sst", "a value that goes").at(0);
  fs::resize_file(file, fs::file_size(file) - 8);
  Salvage();
  EXPECT_EQ(Leaves(), (Leaf{{"/b", "a value that stays"}}));
  EXPECT_THAT(Losses(), Contains(HasSubstr("which cannot be opened")));
}

TEST_F(SalvageTest, TheManifestIsMadeAnew) {
  Set("/a", "in a file", 1);
  CloseAndOpen(1);
  Set("/b", "in the log", 2);
  Stop();
  const fs::path manifest = FilesWith("MANIFEST", "tree").at(0);
  Damage(manifest, 20);
  Salvage();
  EXPECT_EQ(Leaves(), (Leaf{{"/a", "in a file"}, {"/b", "in the log"}}));
  EXPECT_EQ(store_->state().last_committed, 2);
  EXPECT_THAT(Losses(), Contains(HasSubstr("MANIFEST")));
}

TEST_F(SalvageTest, AManifestIsMadeAnewWhereEverythingIsInTheLog) {
  Set("/b", "in the log", 2);
  Stop();
  Damage(FilesWith("MANIFEST", "tree").at(0), 20);
  Salvage();
  EXPECT_EQ(Leaves(), (Leaf{{"/b", "in the log"}}));
}

TEST_F(SalvageTest, ALostCurrentFileLosesNothing) {
  Set("/a", "in a file", 1);
  CloseAndOpen(1);
  Set("/b", "in the log", 2);
  Stop();
  fs::remove(fs::path(directory_) / "CURRENT");
  Salvage();
  EXPECT_EQ(Leaves(), (Leaf{{"/a", "in a file"}, {"/b", "in the log"}}));
  EXPECT_THAT(Losses(), ElementsAre(HasSubstr("the history")));
}

TEST_F(SalvageTest, AMissingLogIsNoticedAndNamed) {
  Set("/a", "in a file", 1);
  CloseAndOpen(1);
  Set("/b", "in the log", 2);
  Stop();
  fs::remove(FilesWith(".log", "in the log").at(0));
  Salvage();
  EXPECT_EQ(Leaves(), (Leaf{{"/a", "in a file"}}));
  EXPECT_THAT(Losses(),
              Contains(HasSubstr("the commits after revision 1")));
}

TEST_F(SalvageTest, LogsThatAreMissingAfterAnOrderlyStopHoldNothing) {
  Set("/a", "x", 1);
  ASSERT_EQ(store_->Close(1), absl::OkStatus());
  Stop();
  for (const fs::path& file : FilesWith(".log", "")) fs::remove(file);
  ASSERT_EQ(Open(false), absl::OkStatus());
  EXPECT_EQ(Leaves(), (Leaf{{"/a", "x"}}));
}

TEST_F(SalvageTest, LeasesRecordsAndTheJournalAreKeptAsFarAsTheyCanBeRead) {
  CommitBatch batch = BatchOf("/a", Value::String("x"), 1);
  batch.leases = {{P("/a"), LeaseTerms{"s", absl::Seconds(1)}}};
  batch.records = {{"derivation/sum", "a definition"}};
  batch.journal = {
      {2, {Write{P("/j"), Write::Scope::kSubtree, Value::Int(1), 1, {}}}}};
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  Set("/b", "a value to be lost", 2);
  Set("/c", "y", 3);
  Stop();
  DamageText(".log", "a value to be lost");
  Salvage();
  ASSERT_EQ(store_->state().leases.size(), 1u);
  EXPECT_EQ(store_->state().leases[0].path, P("/a"));
  EXPECT_EQ(store_->state().records.at("derivation/sum"), "a definition");
  std::vector<Revision> journal;
  ASSERT_EQ(store_->ReadJournal(
                2, [&](Write write) { journal.push_back(write.revision); }),
            absl::OkStatus());
  EXPECT_THAT(journal, ElementsAre(1));
}

TEST_F(SalvageTest, RecordsThatDoNotParseAreDroppedAndNamed) {
  Set("/a", "x", 1);
  CommitBatch batch{2, 100, {}};
  batch.records = {{"journal/files", "2"}};
  batch.journal = {
      {2, {Write{P("/j"), Write::Scope::kSubtree, Value::Int(1), 2, {}}}}};
  batch.records[0].key.push_back('\0');
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  Stop();
  PutBehindItsBack(1, disk_format::TreeKey(1, P("/users/7").key()), "\x07?");
  PutBehindItsBack(2, std::string(disk_format::kLeaseKeyPrefix) + P("/l").key(),
                   "\x07?");
  PutBehindItsBack(3, disk_format::HistoryKey(1) + "?", "");
  PutBehindItsBack(4, disk_format::RequestKey(3), "short");
  PutBehindItsBack(5, disk_format::JournalKey(2, 3, 0), "\x07?");
  ASSERT_EQ(Open(true), absl::OkStatus());
  ExpectNewEpoch();
  EXPECT_EQ(Leaves(), (Leaf{{"/a", "x"}}));
  EXPECT_THAT(store_->state().leases, IsEmpty());
  EXPECT_THAT(Losses(),
              testing::UnorderedElementsAre(
                  "the value at /users/7", "the lease of /l",
                  "a write that the mount at /files has perhaps not applied yet",
                  HasSubstr("the history")));
}

TEST_F(SalvageTest, DamageThatOthersFoundIsTakenForDamage) {
  Set("/a", "x", 1);
  Stop();
  RocksDbOptions options;
  options.directory = directory_;
  options.accept_data_loss = true;
  options.known_damage =
      MakeError(Reason::kCorrupt, "the history is unreadable");
  auto store = RocksDbStore::Open(options);
  ASSERT_TRUE(store.ok()) << store.status();
  store = absl::CancelledError();
  ASSERT_EQ(Open(false), absl::OkStatus());
  EXPECT_NE(store_->state().epoch, epoch_);
  EXPECT_EQ(Leaves(), (Leaf{{"/a", "x"}}));
}

TEST_F(SalvageTest, OneThatWasInterruptedIsBroughtToItsEnd) {
  Set("/a", "x", 1);
  Stop();
  // Between its last two steps.
  fs::rename(directory_, directory_ + ".salvaging");
  fs::create_directory(directory_);
  ASSERT_EQ(Open(false), absl::OkStatus());
  EXPECT_EQ(Leaves(), (Leaf{{"/a", "x"}}));
  Stop();
  // Before them.
  fs::create_directory(directory_ + ".salvaging");
  std::ofstream(directory_ + ".salvaging/INCOMPLETE").flush();
  ASSERT_EQ(Open(false), absl::OkStatus());
  EXPECT_EQ(Leaves(), (Leaf{{"/a", "x"}}));
  EXPECT_FALSE(fs::exists(directory_ + ".salvaging"));
}

TEST_F(SalvageTest, AStoreThatSomebodyUsesIsLeftAlone) {
  Set("/a", "x", 1);
  RocksDbOptions options;
  options.directory = directory_;
  options.accept_data_loss = true;
  options.known_damage = MakeError(Reason::kCorrupt, "said to be damaged");
  EXPECT_EQ(RocksDbStore::Open(options).status().code(),
            absl::StatusCode::kUnavailable);
  Set("/a", "y", 2);
  EXPECT_EQ(Leaves(), (Leaf{{"/a", "y"}}));
}

}  // namespace
}  // namespace restate
