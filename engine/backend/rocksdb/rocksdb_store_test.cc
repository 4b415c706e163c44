#include "engine/backend/rocksdb/rocksdb_store.h"

#include <cctype>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "engine/backend/history_log.h"
#include "engine/backend/rocksdb/disk_format.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"
#include "rocksdb/db.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

class RocksDbStoreTest : public testing::Test {
 protected:
  RocksDbStoreTest() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = testing::TempDir() + "/" + info->name();
    std::filesystem::remove_all(directory_);
  }
  ~RocksDbStoreTest() override {
    store_ = nullptr;
    std::filesystem::remove_all(directory_);
  }

  absl::Status Open() {
    store_ = nullptr;
    auto store = RocksDbStore::Open({.directory = directory_});
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    return absl::OkStatus();
  }
  absl::Status Set(Backend& mount, std::string_view path, Tree value,
                   Revision revision) {
    CommitBatch batch{revision, revision + 100, {}};
    batch.mounts.push_back({*mount.commit_store_mount(),
                            {Write{P(path), Write::Scope::kSubtree,
                                   std::move(value), revision, {}}}});
    return store_->Commit(batch);
  }
  Tree Read(Backend& mount, std::string_view path) {
    return (*mount.TakeSnapshot())->Read(P(path), ReadLimits())->tree;
  }

  std::string directory_;
  std::unique_ptr<RocksDbStore> store_;
};

TEST_F(RocksDbStoreTest, ANewStoreHasAnEpochAndNoCommits) {
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_FALSE(store_->state().existed);
  EXPECT_EQ(store_->state().last_committed, 0);
  EXPECT_EQ(store_->state().reserved, 0);
  const std::string epoch = store_->state().epoch;
  ASSERT_EQ(epoch.size(), 32u);
  for (char c : epoch) EXPECT_TRUE(std::isxdigit(c)) << epoch;

  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_TRUE(store_->state().existed);
  EXPECT_EQ(store_->state().epoch, epoch);

  store_ = nullptr;
  std::filesystem::remove_all(directory_);
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_NE(store_->state().epoch, epoch);
}

TEST_F(RocksDbStoreTest, ACommitIsThereAfterAStopWithoutClose) {
  ASSERT_EQ(Open(), absl::OkStatus());
  auto mount = *store_->OpenMount(Path());
  ASSERT_EQ(Set(*mount, "/a", Value::Int(1), 5), absl::OkStatus());
  EXPECT_EQ(mount->applied_revision(), 5);
  mount = nullptr;
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_EQ(store_->state().last_committed, 5);
  // The end of the block, because nobody knows how far it was used.
  EXPECT_EQ(store_->state().reserved, 105);
  EXPECT_FALSE(store_->closed_cleanly());
  mount = *store_->OpenMount(Path());
  EXPECT_EQ(mount->applied_revision(), 5);
  EXPECT_EQ(Read(*mount, "/a"), Tree(Value::Int(1)));
}

TEST_F(RocksDbStoreTest, CloseRecordsTheExactEndAndTakesNoMore) {
  ASSERT_EQ(Open(), absl::OkStatus());
  auto mount = *store_->OpenMount(Path());
  ASSERT_EQ(Set(*mount, "/a", Value::Int(1), 5), absl::OkStatus());
  ASSERT_EQ(store_->Close(7), absl::OkStatus());
  EXPECT_EQ(ErrorReason(Set(*mount, "/a", Value::Int(2), 8)), "SHUTTING_DOWN");
  mount = nullptr;
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_TRUE(store_->closed_cleanly());
  EXPECT_EQ(store_->state().last_committed, 5);
  EXPECT_EQ(store_->state().reserved, 7);
  mount = *store_->OpenMount(Path());
  EXPECT_EQ(Read(*mount, "/a"), Tree(Value::Int(1)));

  // Reserving is a commit, and ends the clean state.
  ASSERT_EQ(store_->Commit({5, 1000, {}}), absl::OkStatus());
  mount = nullptr;
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_FALSE(store_->closed_cleanly());
  EXPECT_EQ(store_->state().last_committed, 5);
  EXPECT_EQ(store_->state().reserved, 1000);
}

TEST_F(RocksDbStoreTest, RefusesACommitBeyondTheReservedBlock) {
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_EQ(store_->Commit({6, 5, {}}).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(store_->Commit({5, 5, {}}), absl::OkStatus());
}

TEST_F(RocksDbStoreTest, MountsKeepTheirNumbersAndTheirTrees) {
  ASSERT_EQ(Open(), absl::OkStatus());
  auto root = *store_->OpenMount(Path());
  auto users = *store_->OpenMount(P("/users"));
  EXPECT_EQ(root->commit_store_mount(), 1u);
  EXPECT_EQ(users->commit_store_mount(), 2u);
  EXPECT_TRUE(root->durable());
  EXPECT_EQ(root->kind(), "rocksdb");
  EXPECT_EQ(root->Apply({}, 1).code(), absl::StatusCode::kInternal);
  ASSERT_EQ(Set(*root, "/a", Value::Int(1), 1), absl::OkStatus());
  ASSERT_EQ(Set(*users, "/a", Value::Int(2), 2), absl::OkStatus());
  // Deleting all of one mount leaves the next alone.
  ASSERT_EQ(Set(*root, "/", std::nullopt, 3), absl::OkStatus());
  EXPECT_EQ(Read(*root, "/"), std::nullopt);
  EXPECT_EQ(Read(*users, "/a"), Tree(Value::Int(2)));
  root = nullptr;
  users = nullptr;

  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_EQ((*store_->OpenMount(P("/tmp")))->commit_store_mount(), 3u);
  users = *store_->OpenMount(P("/users"));
  EXPECT_EQ(users->commit_store_mount(), 2u);
  EXPECT_EQ(Read(*users, "/a"), Tree(Value::Int(2)));
}

TEST_F(RocksDbStoreTest, ABatchOverSeveralMountsIsOne) {
  ASSERT_EQ(Open(), absl::OkStatus());
  auto root = *store_->OpenMount(Path());
  auto users = *store_->OpenMount(P("/users"));
  CommitBatch batch{9, 9, {}};
  for (Backend* mount : {root.get(), users.get()}) {
    batch.mounts.push_back({*mount->commit_store_mount(),
                            {Write{P("/x"), Write::Scope::kSubtree,
                                   Value::Int(9), 9, {}}}});
  }
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  EXPECT_EQ(Read(*root, "/x"), Tree(Value::Int(9)));
  EXPECT_EQ(Read(*users, "/x"), Tree(Value::Int(9)));
}

TEST_F(RocksDbStoreTest, EstimatesHowMuchAMountHolds) {
  ASSERT_EQ(Open(), absl::OkStatus());
  auto root = *store_->OpenMount(Path());
  auto users = *store_->OpenMount(P("/users"));
  EXPECT_EQ(root->Size().bytes, 0u);
  for (int i = 0; i < 300; ++i) {
    Backend& mount = i < 200 ? *root : *users;
    // New to the store, as the sequencer says: deleting it first would count.
    Write write{P("/k" + std::to_string(i)), Write::Scope::kSubtree,
                Value::String(std::string(1'000, 'x')), i + 1, Tree()};
    CommitBatch batch{i + 1, 1'000, {}};
    batch.mounts.push_back({*mount.commit_store_mount(), {write}});
    ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  }
  ASSERT_EQ(store_->Close(300), absl::OkStatus());
  root = nullptr;
  users = nullptr;
  ASSERT_EQ(Open(), absl::OkStatus());
  root = *store_->OpenMount(Path());
  users = *store_->OpenMount(P("/users"));
  const BackendSize large = root->Size();
  const BackendSize small = users->Size();
  ASSERT_TRUE(large.own_values.has_value() && small.own_values.has_value());
  EXPECT_GT(*large.own_values, *small.own_values);
  EXPECT_LE(*large.own_values + *small.own_values, 300u);
  EXPECT_GT(*large.own_values, 100u);
  EXPECT_GT(*large.bytes, *small.bytes);
}

TEST_F(RocksDbStoreTest, ReopenWaitsForSnapshotsAndKeepsBackends) {
  ASSERT_EQ(Open(), absl::OkStatus());
  auto mount = *store_->OpenMount(Path());
  ASSERT_EQ(Set(*mount, "/a", Value::Int(1), 5), absl::OkStatus());
  auto snapshot = *mount->TakeSnapshot();
  auto cursor = snapshot->NewCursor(Path());
  absl::Status reopened = absl::UnknownError("not yet");
  std::thread thread([&] { reopened = store_->Reopen(); });
  // Whether or not Reopen has begun to wait by now, the snapshot can be read.
  cursor->Seek("");
  EXPECT_EQ(*cursor->value(), Value::Int(1));
  cursor = nullptr;
  snapshot = nullptr;
  thread.join();
  EXPECT_EQ(reopened, absl::OkStatus());
  EXPECT_TRUE(store_->state().existed);
  EXPECT_EQ(store_->state().last_committed, 5);
  EXPECT_EQ(Read(*mount, "/a"), Tree(Value::Int(1)));
  ASSERT_EQ(Set(*mount, "/a", Value::Int(2), 6), absl::OkStatus());
  EXPECT_EQ(Read(*mount, "/a"), Tree(Value::Int(2)));
}

TEST_F(RocksDbStoreTest, SnapshotsOutliveTheStore) {
  ASSERT_EQ(Open(), absl::OkStatus());
  auto mount = *store_->OpenMount(Path());
  ASSERT_EQ(Set(*mount, "/a", Value::Int(1), 5), absl::OkStatus());
  auto snapshot = *mount->TakeSnapshot();
  mount = nullptr;
  store_ = nullptr;
  EXPECT_EQ(snapshot->Read(P("/a"), ReadLimits())->tree, Tree(Value::Int(1)));
}

TEST_F(RocksDbStoreTest, ManyThreadsReadOneSnapshot) {
  ASSERT_EQ(Open(), absl::OkStatus());
  auto mount = *store_->OpenMount(Path());
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(Set(*mount, "/k" + std::to_string(i), Value::Int(i), i + 1),
              absl::OkStatus());
  }
  auto snapshot = *mount->TakeSnapshot();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&snapshot] {
      for (int i = 0; i < 500; ++i) {
        const int64_t k = i % 50;
        auto probe = snapshot->Probe(P("/k" + std::to_string(k)));
        ASSERT_TRUE(probe.ok());
        EXPECT_EQ(probe->own, Tree(Value::Int(k)));
        EXPECT_FALSE(probe->has_children);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(RocksDbStoreTest, OneServerUsesADirectory) {
  ASSERT_EQ(Open(), absl::OkStatus());
  auto second = RocksDbStore::Open({.directory = directory_});
  EXPECT_EQ(ErrorReason(second.status()), "MOUNT_UNAVAILABLE");
  EXPECT_NE(second.status().message().find("another server uses"),
            absl::string_view::npos)
      << second.status();
  EXPECT_NE(second.status().message().find(directory_),
            absl::string_view::npos);
}

TEST_F(RocksDbStoreTest, IsNotMadeUnlessAskedTo) {
  auto store = RocksDbStore::Open(
      {.directory = directory_, .create_if_missing = false});
  EXPECT_EQ(store.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(std::filesystem::exists(directory_));
  std::filesystem::create_directory(directory_);
  store = RocksDbStore::Open(
      {.directory = directory_, .create_if_missing = false});
  EXPECT_EQ(store.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(RocksDbStoreTest, RefusesANewerFormat) {
  ASSERT_EQ(Open(), absl::OkStatus());
  store_ = nullptr;
  {
    // A newer server might also have a family of its own.
    std::vector<::rocksdb::ColumnFamilyDescriptor> families;
    for (const char* name : {"default", disk_format::kTreeFamily,
                             disk_format::kMetaFamily,
                             disk_format::kHistoryFamily,
                             disk_format::kRequestsFamily,
                             disk_format::kJournalFamily, "future"}) {
      families.emplace_back(name, ::rocksdb::ColumnFamilyOptions());
    }
    ::rocksdb::DBOptions options;
    options.create_missing_column_families = true;
    std::vector<::rocksdb::ColumnFamilyHandle*> handles;
    ::rocksdb::DB* db = nullptr;
    ASSERT_TRUE(
        ::rocksdb::DB::Open(options, directory_, families, &handles, &db).ok());
    ASSERT_TRUE(db->Put(::rocksdb::WriteOptions(), handles[2],
                        std::string(disk_format::kFormatKey),
                        disk_format::EncodeUint32(2))
                    .ok());
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
    delete db;
  }
  const absl::Status status = Open();
  EXPECT_EQ(ErrorReason(status), "MOUNT_UNAVAILABLE");
  EXPECT_NE(status.message().find("has format 2"), absl::string_view::npos)
      << status;
}

// "5 first", "5 stopped 2 at /a": what the history has in (after, through].
std::vector<std::string> HistoryOf(const RocksDbStore& store, Revision after,
                                   Revision through, size_t at_most = 100) {
  std::vector<std::string> lines;
  absl::Status status = store.history()->Read(
      after, through, [&](const HistoryLog::Record& record) {
        std::string line = std::to_string(record.revision);
        if (record.stop.has_value()) {
          line += " stopped " + std::to_string(record.stop->index) + " at " +
                  Path::FromKey(std::string(record.stop->place)).ToText();
        } else {
          line += " " + std::string(record.bytes);
        }
        lines.push_back(line);
        return lines.size() < at_most;
      });
  EXPECT_EQ(status, absl::OkStatus());
  return lines;
}

using Lines = std::vector<std::string>;

TEST_F(RocksDbStoreTest, HistoryIsWrittenWithTheBatch) {
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_EQ(HistoryOf(*store_, 0, 100), Lines());
  auto outline = store_->history()->ReadOutline();
  ASSERT_TRUE(outline.ok());
  EXPECT_FALSE(outline->forgotten_through.has_value());
  EXPECT_TRUE(outline->segments.empty());

  CommitBatch batch{7, 100, {}};
  batch.history.commits = {{5, "five"}, {6, "six"}, {7, "seven"}};
  HistorySegment segment;
  segment.first = 5;
  segment.last = 7;
  segment.first_time = absl::FromUnixSeconds(1);
  segment.last_time = absl::FromUnixSeconds(3);
  segment.bytes = 36;
  batch.history.segment = segment;
  batch.durable = false;
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  HistoryChanges stops;
  const Path a = P("/a");
  const Path root;
  stops.stops = {{6, 300, root.key()}, {6, 2, a.key()}, {6, 2, root.key()}};
  ASSERT_EQ(store_->WriteHistory(stops), absl::OkStatus());

  // Without Close, and without an fsync.
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_EQ(store_->state().last_committed, 7);
  EXPECT_EQ(HistoryOf(*store_, 0, 100),
            Lines({"5 five", "6 six", "6 stopped 2 at /", "6 stopped 2 at /a",
                   "6 stopped 300 at /", "7 seven"}));
  EXPECT_EQ(HistoryOf(*store_, 5, 6).size(), 4u);
  EXPECT_EQ(HistoryOf(*store_, 4, 7, 1), Lines({"5 five"}));
  EXPECT_EQ(HistoryOf(*store_, 7, 7), Lines());
  outline = store_->history()->ReadOutline();
  ASSERT_TRUE(outline.ok());
  EXPECT_EQ(outline->segments, std::vector<HistorySegment>({segment}));
}

TEST_F(RocksDbStoreTest, ForgettingTakesCommitsStopsAndSegments) {
  ASSERT_EQ(Open(), absl::OkStatus());
  for (Revision r = 1; r <= 4; ++r) {
    CommitBatch batch{r, 100, {}};
    batch.history.commits = {{r, "x"}};
    HistorySegment segment;
    segment.first = segment.last = r;
    segment.first_time = segment.last_time = absl::FromUnixSeconds(r);
    segment.bytes = 9;
    batch.history.segment = segment;
    batch.history.stops = {{r, 0, ""}};
    ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  }
  HistoryChanges forget;
  forget.forget_through = 3;
  ASSERT_EQ(store_->WriteHistory(forget), absl::OkStatus());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(HistoryOf(*store_, 0, 100), Lines({"4 x", "4 stopped 0 at /"}));
    auto outline = store_->history()->ReadOutline();
    ASSERT_TRUE(outline.ok());
    EXPECT_EQ(outline->forgotten_through, 3);
    ASSERT_EQ(outline->segments.size(), 1u);
    EXPECT_EQ(outline->segments[0].last, 4);
    ASSERT_EQ(store_->Close(4), absl::OkStatus());
    ASSERT_EQ(Open(), absl::OkStatus());
  }
}

TEST_F(RocksDbStoreTest, LeasesAndRequestsAreKeptWithTheBatch) {
  ASSERT_EQ(Open(), absl::OkStatus());
  CommitBatch batch{1, 100, {}};
  batch.leases.push_back({P("/a"), LeaseTerms{"s", absl::Seconds(5)}});
  batch.leases.push_back({P("/b"), LeaseTerms{"", absl::Seconds(6)}});
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    batch.requests.answered.push_back(
        {sequence, {sequence, 9}, absl::FromUnixSeconds(1), "answer"});
  }
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  batch = CommitBatch{2, 100, {}};
  batch.leases.push_back({P("/a"), std::nullopt});
  batch.requests.forget_from = 1;
  batch.requests.forget_before = 3;
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  ASSERT_EQ(Open(), absl::OkStatus());
  ASSERT_EQ(store_->state().leases.size(), 1u);
  EXPECT_EQ(store_->state().leases[0].path, P("/b"));
  EXPECT_EQ(store_->state().leases[0].terms,
            (LeaseTerms{"", absl::Seconds(6)}));
  std::vector<StoredRequest> requests;
  ASSERT_EQ(store_->ReadRequests([&](StoredRequest request) {
    requests.push_back(std::move(request));
  }),
            absl::OkStatus());
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].sequence, 3u);
  EXPECT_EQ(requests[0].identity, (RequestIdentity{3, 9}));
  EXPECT_EQ(requests[0].time, absl::FromUnixSeconds(1));
  EXPECT_EQ(requests[0].answer, "answer");
}

TEST_F(RocksDbStoreTest, RecordsAreKeptWithTheBatch) {
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_TRUE(store_->state().records.empty());
  CommitBatch batch{1, 100, {}};
  batch.records = {{"mount/a", "one"},
                   {"mount/b", ""},
                   {"mount/c", "gone at once"},
                   {"mount/c", std::nullopt},
                   {std::string("x\0y", 3), std::string("\0z", 2)}};
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  ASSERT_EQ(Open(), absl::OkStatus());
  using Records = std::map<std::string, std::string>;
  EXPECT_EQ(store_->state().records,
            (Records{{"mount/a", "one"},
                     {"mount/b", ""},
                     {std::string("x\0y", 3), std::string("\0z", 2)}}));
  batch = CommitBatch{2, 100, {}};
  batch.records = {{"mount/a", "two"},
                   {"mount/b", std::nullopt},
                   {"not there", std::nullopt},
                   {std::string("x\0y", 3), std::nullopt}};
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  ASSERT_EQ(store_->Reopen(), absl::OkStatus());
  EXPECT_EQ(store_->state().records, (Records{{"mount/a", "two"}}));
}

// "5 /a SUBTREE 1": what the journal has for a mount.
std::vector<std::string> JournalOf(const RocksDbStore& store, uint32_t mount) {
  std::vector<std::string> lines;
  absl::Status status = store.ReadJournal(mount, [&](Write write) {
    EXPECT_FALSE(write.before.has_value());
    lines.push_back(
        std::to_string(write.revision) + " " + write.path.ToText() +
        (write.scope == Write::Scope::kSubtree ? " SUBTREE " : " OWN ") +
        (write.value.has_value() ? write.value->DebugString() : "nothing"));
  });
  EXPECT_EQ(status, absl::OkStatus());
  return lines;
}

Write WriteOf(std::string_view path, Write::Scope scope, Tree value,
              Revision revision) {
  return Write{P(path), scope, std::move(value), revision, {}};
}

TEST_F(RocksDbStoreTest, TheJournalKeepsTheOrderAndIsReleasedByMount) {
  constexpr auto kSubtree = Write::Scope::kSubtree;
  constexpr auto kOwn = Write::Scope::kOwnValue;
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_EQ(JournalOf(*store_, 1), Lines());
  CommitBatch batch{300, 1000, {}};
  Write hinted = WriteOf("/b", kSubtree, Value::Int(2), 5);
  hinted.before = Value::Int(1);
  batch.journal = {
      {1, {WriteOf("/z", kSubtree, Value::EmptyMap(), 5), hinted}},
      {2, {WriteOf("/", kOwn, std::nullopt, 5)}},
      {1,
       {WriteOf("/a", kOwn, Value::Null(), 5),
        WriteOf("/", kSubtree, std::nullopt, 300)}},
      {256, {WriteOf("/", kSubtree, Value::Int(7), 300)}},
  };
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  const Lines first = {"5 /z SUBTREE {}", "5 /b SUBTREE 2", "5 /a OWN null",
                       "300 / SUBTREE nothing"};
  EXPECT_EQ(JournalOf(*store_, 1), first);
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_EQ(JournalOf(*store_, 1), first);
  EXPECT_EQ(JournalOf(*store_, 2), Lines({"5 / OWN nothing"}));
  EXPECT_EQ(JournalOf(*store_, 256), Lines({"300 / SUBTREE 7"}));

  // A release and the next writes may be one batch.
  batch = CommitBatch{301, 1000, {}};
  batch.journal_releases = {{1, 299}, {2, 300}};
  batch.journal = {{1, {WriteOf("/c", kSubtree, Value::Int(3), 301)}}};
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  EXPECT_EQ(JournalOf(*store_, 1),
            Lines({"300 / SUBTREE nothing", "301 /c SUBTREE 3"}));
  EXPECT_EQ(JournalOf(*store_, 2), Lines());
  EXPECT_EQ(JournalOf(*store_, 256).size(), 1u);
  // One that was made before does no harm, and neither does one twice.
  batch = CommitBatch{301, 1000, {}};
  batch.journal_releases = {{1, 5}, {1, 300}, {1, 300}};
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  EXPECT_EQ(JournalOf(*store_, 1), Lines({"301 /c SUBTREE 3"}));
  batch.journal_releases = {{1, 301}};
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  EXPECT_EQ(JournalOf(*store_, 1), Lines());
  ASSERT_EQ(store_->Close(301), absl::OkStatus());
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_EQ(JournalOf(*store_, 1), Lines());
  EXPECT_EQ(JournalOf(*store_, 256).size(), 1u);
}

TEST_F(RocksDbStoreTest, AReleaseKeepsWhatWasLeft) {
  constexpr auto kOwn = Write::Scope::kOwnValue;
  ASSERT_EQ(Open(), absl::OkStatus());
  CommitBatch batch{7, 1000, {}};
  batch.journal = {{1,
                    {WriteOf("/a", kOwn, Value::Int(1), 5),
                     WriteOf("/b", kOwn, Value::Int(1), 5),
                     WriteOf("/c", kOwn, Value::Int(1), 6)}}};
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  const Write a = WriteOf("/a", kOwn, Value::Int(1), 5);
  const Write c = WriteOf("/c", kOwn, Value::Int(1), 6);
  batch = CommitBatch{7, 1000, {}};
  batch.journal_releases = {{1, 6, {a, c}}};
  batch.journal = {{1, {WriteOf("/d", kOwn, Value::Int(1), 7)}}};
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  EXPECT_EQ(JournalOf(*store_, 1),
            Lines({"5 /a OWN 1", "6 /c OWN 1", "7 /d OWN 1"}));
  // Less is left of the same, and then of more.
  batch = CommitBatch{7, 1000, {}};
  batch.journal_releases = {{1, 6, {c}}};
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  EXPECT_EQ(JournalOf(*store_, 1), Lines({"6 /c OWN 1", "7 /d OWN 1"}));
  ASSERT_EQ(Open(), absl::OkStatus());
  batch.journal_releases = {{1, 7, {c}}};
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  EXPECT_EQ(JournalOf(*store_, 1), Lines({"6 /c OWN 1"}));
  batch.journal_releases = {{1, 7}};
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  EXPECT_EQ(JournalOf(*store_, 1), Lines());
}

TEST_F(RocksDbStoreTest, AStoreWithoutAJournalGetsOne) {
  ASSERT_EQ(Open(), absl::OkStatus());
  auto mount = *store_->OpenMount(Path());
  ASSERT_EQ(Set(*mount, "/a", Value::Int(1), 5), absl::OkStatus());
  mount = nullptr;
  store_ = nullptr;
  {
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
    ASSERT_TRUE(db->DropColumnFamily(handles[5]).ok());
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
    delete db;
  }
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_EQ(store_->state().last_committed, 5);
  mount = *store_->OpenMount(Path());
  EXPECT_EQ(Read(*mount, "/a"), Tree(Value::Int(1)));
  CommitBatch batch{6, 1000, {}};
  batch.journal = {{1,
                    {WriteOf("/c", Write::Scope::kSubtree, Value::Int(3),
                             6)}}};
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  EXPECT_EQ(JournalOf(*store_, 1), Lines({"6 /c SUBTREE 3"}));
}

}  // namespace
}  // namespace restate
