// A byte of a store's files is changed, anywhere: then the store refuses to
// open, or refuses to read, with DATA_LOSS; what it does read is what was
// written. Nothing is ever missing or different without a word.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/backend/rocksdb/testing/crashed_copy.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

namespace fs = std::filesystem;

Path P(std::string_view text) { return *Path::Parse(text); }

std::string Contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// Everything that a store holds, as lines; or why it cannot tell.
absl::StatusOr<std::vector<std::string>> ReadAll(const fs::path& directory) {
  absl::StatusOr<std::unique_ptr<RocksDbStore>> store =
      RocksDbStore::Open({.directory = directory, .create_if_missing = false});
  if (!store.ok()) return store.status();
  const CommitStoreState& state = (*store)->state();
  std::vector<std::string> lines;
  lines.push_back(absl::StrCat("epoch ", state.epoch, " last ",
                               state.last_committed, " reserved ",
                               state.reserved));
  for (const Lease& lease : state.leases) {
    lines.push_back(absl::StrCat("lease ", lease.path.ToText(), " ",
                                 lease.terms.session_id));
  }
  for (const auto& [key, value] : state.records) {
    lines.push_back(absl::StrCat("record ", key, " ", value));
  }
  for (const char* at : {"/", "/second"}) {
    auto mount = (*store)->OpenMount(P(at));
    if (!mount.ok()) return mount.status();
    auto snapshot = (*mount)->TakeSnapshot();
    if (!snapshot.ok()) return snapshot.status();
    auto read = (*snapshot)->Read(Path(), ReadLimits());
    if (!read.ok()) return read.status();
    lines.push_back(absl::StrCat(
        "tree ", at, " ",
        read->tree.has_value() ? read->tree->DebugString() : "nothing"));
  }
  absl::Status status = (*store)->ReadRequests([&](StoredRequest request) {
    lines.push_back(absl::StrCat("request ", request.sequence, " ",
                                 request.answer));
  });
  if (!status.ok()) return status;
  for (uint32_t mount : {1, 2}) {
    status = (*store)->ReadJournal(mount, [&](Write write) {
      lines.push_back(absl::StrCat("journal ", mount, " ", write.revision, " ",
                                   write.path.ToText(), " ",
                                   write.value->DebugString()));
    });
    if (!status.ok()) return status;
  }
  status = (*store)->history()->Read(
      0, 1'000, [&](const HistoryLog::Record& record) {
        lines.push_back(absl::StrCat("history ", record.revision, " ",
                                     std::string(record.bytes)));
        return true;
      });
  if (!status.ok()) return status;
  auto outline = (*store)->history()->ReadOutline();
  if (!outline.ok()) return outline.status();
  lines.push_back(absl::StrCat("segments ", outline->segments.size()));
  return lines;
}

// A store in which something of every kind is in files, and something in the
// log, as kill -9 leaves it.
class RandomDamageTest : public testing::Test {
 protected:
  RandomDamageTest() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    base_ = fs::path(testing::TempDir()) / info->name();
    fs::remove_all(base_);
    fs::create_directories(base_);
    const fs::path live = base_ / "live";
    for (Revision first : {1, 101}) {
      auto store = *RocksDbStore::Open({.directory = live});
      auto root = *store->OpenMount(Path());
      auto second = *store->OpenMount(P("/second"));
      for (Revision r = first; r < first + 8; ++r) {
        Commit(*store, *root, *second, r);
      }
      if (first == 1) {
        EXPECT_EQ(store->Close(100), absl::OkStatus());
      } else {
        CopyAsCrashed(live, base_ / "crashed");
      }
    }
    // Opening writes what was in the log to files: the copy is read.
    fs::copy(base_ / "crashed", base_ / "intact");
    expected_ = *ReadAll(base_ / "intact");
  }
  ~RandomDamageTest() override { fs::remove_all(base_); }

  static void Commit(RocksDbStore& store, Backend& root, Backend& second,
                     Revision r) {
    CommitBatch batch{r, r + 100, {}};
    for (Backend* mount : {&root, &second}) {
      batch.mounts.push_back(
          {*mount->commit_store_mount(),
           {Write{P(absl::StrCat("/k", r % 12)), Write::Scope::kSubtree,
                  Value::String(absl::StrCat("value ", r)), r, {}}}});
    }
    batch.history.commits = {{r, "past"}};
    if (r % 5 == 0) {
      HistorySegment segment;
      segment.first = r - 1;
      segment.last = r;
      batch.history.segment = segment;
    }
    batch.leases = {{P(absl::StrCat("/l", r)),
                     LeaseTerms{"s", absl::Seconds(1)}}};
    batch.requests.answered = {{static_cast<uint64_t>(r),
                                {static_cast<uint64_t>(r), 9},
                                absl::FromUnixSeconds(1), "answer"}};
    batch.records = {{absl::StrCat("mount/", r), "about it"}};
    batch.journal = {{1,
                      {Write{P("/j"), Write::Scope::kSubtree, Value::Int(r), r,
                             {}}}}};
    if (r == 104) batch.journal_releases = {{1, 3}};
    EXPECT_EQ(store.Commit(batch), absl::OkStatus());
  }

  // The files whose bytes matter.
  std::vector<fs::path> Files() const {
    std::set<fs::path> files;
    for (const auto& entry : fs::directory_iterator(base_ / "crashed")) {
      const std::string name = entry.path().filename();
      if (absl::EndsWith(name, ".sst") || absl::EndsWith(name, ".log") ||
          absl::StartsWith(name, "MANIFEST") || name == "CURRENT") {
        if (fs::file_size(entry.path()) > 0) files.insert(entry.path());
      }
    }
    return {files.begin(), files.end()};
  }

  // Changes bytes of a file and looks at what that does.
  enum class Outcome { kRefused, kAsWritten };
  Outcome Try(const fs::path& file, size_t at, std::string_view bytes) {
    const fs::path damaged = base_ / "damaged";
    fs::remove_all(damaged);
    fs::create_directory(damaged);
    for (const auto& entry : fs::directory_iterator(base_ / "crashed")) {
      const fs::path to = damaged / entry.path().filename();
      if (entry.path() == file) {
        std::string changed = Contents(file);
        changed.replace(at, bytes.size(), bytes);
        std::ofstream(to, std::ios::binary) << changed;
      } else if (entry.path().extension() == ".sst") {
        fs::create_hard_link(entry.path(), to);
      } else {
        fs::copy_file(entry.path(), to);
      }
    }
    const auto found = ReadAll(damaged);
    if (found.ok()) {
      EXPECT_EQ(*found, expected_) << file << " at byte " << at;
      return Outcome::kAsWritten;
    }
    EXPECT_EQ(found.status().code(), absl::StatusCode::kDataLoss)
        << file << " at byte " << at << ": " << found.status();
    EXPECT_EQ(ErrorReason(found.status()), "CORRUPT");
    EXPECT_TRUE(absl::StrContains(found.status().message(), damaged.string()))
        << found.status();
    return Outcome::kRefused;
  }

  fs::path base_;
  std::vector<std::string> expected_;
};

// RocksDB parses a file's block of properties before it looks at the checksum,
// and Debian's build asserts that the count at its end is sound: damage there
// ends the process with a message of RocksDB's own. The block after it begins
// with three bytes and this name; a checksum of five bytes is in between.
bool EndsTheProcess(const std::string& contents, size_t at) {
  const size_t name = contents.rfind("rocksdb.properties");
  return name != std::string::npos && at + 12 >= name && at + 8 < name;
}

TEST_F(RandomDamageTest, AByteAnywhereIsNoticedOrDoesNotMatter) {
  // RESTATE_DAMAGE=all tries every byte; a number is a seed.
  const char* const asked = std::getenv("RESTATE_DAMAGE");
  const bool all = asked != nullptr && std::string(asked) == "all";
  const uint32_t seed = asked != nullptr && !all
                            ? static_cast<uint32_t>(std::atol(asked))
                            : std::random_device()();
  std::cout << "RESTATE_DAMAGE=" << seed << "\n";
  std::mt19937 random(seed);
  std::map<std::string, std::pair<int, int>> counts;
  for (const fs::path& file : Files()) {
    const std::string contents = Contents(file);
    const size_t tries = all ? contents.size() : 15;
    for (size_t i = 0; i < tries; ++i) {
      const size_t at = all ? i : random() % contents.size();
      if (file.extension() == ".sst" && EndsTheProcess(contents, at)) continue;
      const char changed =
          static_cast<char>(contents[at] ^ (1 + random() % 255));
      auto& [refused, harmless] = counts[file.extension()];
      ++(Try(file, at, std::string(1, changed)) == Outcome::kRefused
             ? refused
             : harmless);
      if (HasFailure()) return;
    }
  }
  for (const auto& [kind, count] : counts) {
    std::cout << kind << ": refused " << count.first << ", harmless "
              << count.second << "\n";
    EXPECT_GT(count.first, 0) << kind;
  }
}

// The lengths and kinds of records, which RocksDB may take for the log's end.
TEST_F(RandomDamageTest, TheHeadersOfLogRecordsAreNoticed) {
  for (const fs::path& file : Files()) {
    if (file.extension() == ".sst" || file.filename() == "CURRENT") continue;
    const std::string contents = Contents(file);
    for (size_t at = 0; at + 7 <= contents.size();) {
      const auto byte = [&contents](size_t i) {
        return static_cast<unsigned char>(contents[i]);
      };
      for (unsigned char bit : {0x01, 0x04, 0x10, 0x80}) {
        for (size_t i : {at + 4, at + 5, at + 6}) {
          const char changed = static_cast<char>(byte(i) ^ bit);
          EXPECT_EQ(Try(file, i, std::string(1, changed)), Outcome::kRefused)
              << file << " at byte " << i;
        }
      }
      EXPECT_EQ(Try(file, at, std::string(7, '\0')), Outcome::kRefused)
          << file << " at byte " << at;
      if (HasFailure()) return;
      at += 7 + byte(at + 4) + 256u * byte(at + 5);
    }
  }
}

// A crash may cut the log off anywhere: what is left is a state that was.
TEST_F(RandomDamageTest, ALogCutOffAnywhereIsAPrefix) {
  for (const fs::path& file : Files()) {
    if (file.extension() != ".log") continue;
    const size_t size = fs::file_size(file);
    for (size_t cut = 0; cut < size; cut += 37) {
      const fs::path torn = base_ / "torn";
      fs::remove_all(torn);
      fs::copy(base_ / "crashed", torn);
      fs::resize_file(torn / file.filename(), cut);
      const auto found = ReadAll(torn);
      ASSERT_TRUE(found.ok()) << cut << ": " << found.status();
      EXPECT_LE(found->size(), expected_.size());
    }
  }
}

}  // namespace
}  // namespace restate
