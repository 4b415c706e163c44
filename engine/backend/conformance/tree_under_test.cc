#include "engine/backend/conformance/tree_under_test.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <optional>
#include <utility>

#include "engine/backend/faulty/faulty_backend.h"
#include "engine/backend/hybrid/hybrid_snapshot.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/threads/testing/shared_pool.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using Kind = TreeUnderTest::Kind;

// A directory that nothing else uses.
std::string NewDirectory() {
  static std::atomic<int> count{0};
  return testing::TempDir() + "/tree_under_test_" + std::to_string(++count);
}

// The same for many small files: in memory where there is such a place, because
// each of them is fsync'd.
std::string NewFilesDirectory() {
  static std::atomic<int> count{0};
  const bool shared_memory = access("/dev/shm", W_OK) == 0;
  return (shared_memory ? "/dev/shm" : testing::TempDir()) +
         "/restate_tree_under_test_" + std::to_string(getpid()) + "_" +
         std::to_string(++count);
}

std::optional<FileFormat> FormatOf(Kind kind) {
  switch (kind) {
    case Kind::kJsonFiles:
      return FileFormat::kJson;
    case Kind::kYamlFiles:
      return FileFormat::kYaml;
    case Kind::kTextprotoFiles:
      return FileFormat::kTextproto;
    default:
      return std::nullopt;
  }
}

}  // namespace

TreeUnderTest::TreeUnderTest(const std::vector<MountSpec>& specs) {
  std::vector<Path> points;
  for (const MountSpec& spec : specs) {
    const Path at = *Path::Parse(spec.at);
    points.push_back(at);
    std::unique_ptr<Backend> backend = OpenBackend(spec, at);
    counts_views_ |= !backend->keeps_snapshots();
    backends_.push_back(NewMounted(at, std::move(backend), spec.cached));
  }
  if (!MountTable::Check(points).ok()) std::abort();
  table_ = std::make_unique<MountTable>(std::move(points));
}

std::unique_ptr<Backend> TreeUnderTest::OpenBackend(const MountSpec& spec,
                                                    const Path& at) {
  const auto open_in_store = [&] {
    if (store_ == nullptr) {
      directory_ = NewDirectory();
      std::filesystem::remove_all(directory_);
      store_ = *RocksDbStore::Open({.directory = directory_});
    }
    return *store_->OpenMount(at);
  };
  const auto make_faulty = [](std::unique_ptr<Backend> backend) {
    return std::make_unique<FaultyBackend>(std::move(backend),
                                           std::make_shared<FaultPlan>());
  };
  switch (spec.kind) {
    case Kind::kMemory:
      return std::make_unique<MemoryBackend>();
    case Kind::kFaultyMemory:
      return make_faulty(std::make_unique<MemoryBackend>());
    case Kind::kRocksDb:
      return open_in_store();
    case Kind::kFaultyRocksDb:
      return make_faulty(open_in_store());
    case Kind::kFar: {
      std::unique_ptr<FarStore>& far = far_[backends_.size()];
      far = spec.far();
      return far->Open(at);
    }
    default:
      break;
  }
  FilesystemOptions& options = files_[backends_.size()];
  options.directory = NewFilesDirectory();
  options.format = *FormatOf(spec.kind);
  return *FilesystemBackend::Open(options);
}

std::unique_ptr<MountedBackend> TreeUnderTest::NewMounted(
    const Path& at, std::unique_ptr<Backend> backend, bool cached) {
  Mount mount;
  mount.at = at;
  mount.backend = std::move(backend);
  // Flushed by hand alone.
  if (cached) mount.cache = CachePolicy{absl::InfiniteDuration()};
  MountedBackend::Options options;
  options.clock = &clock_;
  options.jobs = SharedPool();
  options.flush = [this](Backend& backend, std::vector<Write> writes,
                         Revision revision, std::vector<LeftWrite>* left) {
    const std::optional<uint32_t> kept = backend.commit_store_mount();
    return kept.has_value() ? FlushToStore(*kept, std::move(writes))
                            : backend.ApplyPossible(writes, revision, left);
  };
  return std::make_unique<MountedBackend>(std::move(mount),
                                          std::move(options));
}

TreeUnderTest::~TreeUnderTest() {
  backends_.clear();
  store_ = nullptr;
  if (!directory_.empty()) std::filesystem::remove_all(directory_);
  for (const auto& [i, options] : files_) {
    std::filesystem::remove_all(options.directory);
  }
}

absl::Status TreeUnderTest::Apply(std::vector<Write> writes) {
  ++revision_;
  for (Write& write : writes) write.revision = revision_;
  auto parts = table_->Split(writes, *TakeSnapshot());
  if (!parts.ok()) return parts.status();
  CommitBatch batch{revision_, revision_, {}};
  for (size_t i = 0; i < backends_.size(); ++i) {
    if (backends_[i]->custody() == MountedBackend::Custody::kCommitStore) {
      batch.mounts.push_back({*backends_[i]->backend().commit_store_mount(),
                              std::move((*parts)[i])});
      continue;
    }
    backends_[i]->Apply((*parts)[i], revision_);
    if (absl::Status down = backends_[i]->down(); !down.ok()) return down;
  }
  if (store_ != nullptr) {
    absl::Status status = store_->Commit(batch);
    if (!status.ok()) return status;
  }
  if (revision_ % 3 == 0 && !IsViewed()) FlushAll();
  return absl::OkStatus();
}

absl::Status TreeUnderTest::FlushToStore(uint32_t mount,
                                         std::vector<Write> writes) {
  CommitBatch batch{revision_, revision_, {}};
  batch.mounts.push_back({mount, std::move(writes)});
  return store_->Commit(batch);
}

void TreeUnderTest::FlushAll() {
  for (auto& mounted : backends_) {
    std::promise<absl::Status> flushed;
    mounted->Flush(
        [&](absl::Status status) { flushed.set_value(std::move(status)); });
    const absl::Status status = flushed.get_future().get();
    EXPECT_TRUE(status.ok()) << status;
  }
}

void TreeUnderTest::FlushPastOldViews() {
  for (auto& mounted : backends_) {
    std::promise<absl::Status> flushed;
    std::future<absl::Status> end = flushed.get_future();
    mounted->Flush(
        [&](absl::Status status) { flushed.set_value(std::move(status)); });
    while (end.wait_for(std::chrono::milliseconds(1)) !=
           std::future_status::ready) {
      // Who waits for the views looks at the clock when it is woken.
      clock_.Advance(absl::Minutes(1));
      mounted->Flush([](absl::Status) {});
    }
    const absl::Status status = end.get();
    EXPECT_TRUE(status.ok()) << status;
  }
}

bool TreeUnderTest::IsViewed() const {
  return std::any_of(given_.begin(), given_.end(),
                     [](const auto& view) { return !view.expired(); });
}

std::shared_ptr<const Snapshot> TreeUnderTest::TakeSnapshot() {
  std::shared_ptr<const Snapshot> snapshot;
  if (backends_.size() == 1) {
    snapshot = *backends_.front()->TakeSnapshot();
  } else {
    std::vector<MountedSnapshot> snapshots;
    for (size_t i = 0; i < backends_.size(); ++i) {
      snapshots.push_back({table_->point(i), backends_[i]->TakeSnapshot(),
                           backends_[i]->kind()});
    }
    snapshot = std::make_shared<HybridSnapshot>(std::move(snapshots));
  }
  if (!counts_views_) return snapshot;
  // One of its own, for the mount may hold the other too.
  const Snapshot* const raw = snapshot.get();
  const std::shared_ptr<const Snapshot> given(
      raw, [snapshot = std::move(snapshot)](const Snapshot*) mutable {
        snapshot.reset();
      });
  std::erase_if(given_, [](const auto& view) { return view.expired(); });
  given_.push_back(given);
  return given;
}

absl::Status TreeUnderTest::Reopen() {
  FlushAll();
  for (const auto& [i, far] : far_) {
    const bool cached = backends_[i]->cache().has_value();
    backends_[i] = nullptr;
    if (absl::Status status = far->Bounce(); !status.ok()) return status;
    backends_[i] =
        NewMounted(table_->point(i), far->Open(table_->point(i)), cached);
  }
  for (const auto& [i, options] : files_) {
    const bool cached = backends_[i]->cache().has_value();
    backends_[i] = nullptr;
    auto opened = FilesystemBackend::Open(options);
    if (!opened.ok()) return opened.status();
    backends_[i] = NewMounted(table_->point(i), *std::move(opened), cached);
  }
  if (store_ == nullptr) return absl::OkStatus();
  for (auto& mounted : backends_) {
    mounted->LetGoOfStore(absl::UnavailableError("reopening"));
  }
  absl::Status status = store_->Reopen();
  for (auto& mounted : backends_) mounted->TakeUpStore();
  return status;
}

void PrintTo(const Arrangement& arrangement, std::ostream* os) {
  *os << arrangement.name;
}

std::vector<Arrangement> LocalArrangements() {
  return {
      {"Memory", {{"/", Kind::kMemory}}},
      {"RocksDb", {{"/", Kind::kRocksDb}}},
      {"FaultyMemory", {{"/", Kind::kFaultyMemory}}},
      {"FaultyRocksDb", {{"/", Kind::kFaultyRocksDb}}},
      {"JsonFiles", {{"/", Kind::kJsonFiles}}},
      {"YamlFiles", {{"/", Kind::kYamlFiles}}},
      {"TextprotoFiles", {{"/", Kind::kTextprotoFiles}}},
      {"RocksDbWithFilesAtA",
       {{"/", Kind::kRocksDb}, {"/a", Kind::kJsonFiles}}},
      {"RocksDbWithMemoryAtA", {{"/", Kind::kRocksDb}, {"/a", Kind::kMemory}}},
      {"MemoryWithRocksDbAtAB",
       {{"/", Kind::kMemory}, {"/a/b", Kind::kRocksDb}}},
      {"CachedMemory", {{"/", Kind::kMemory, true}}},
      {"CachedRocksDb", {{"/", Kind::kRocksDb, true}}},
      {"CachedJsonFiles", {{"/", Kind::kJsonFiles, true}}},
      {"CachedYamlFiles", {{"/", Kind::kYamlFiles, true}}},
      {"CachedTextprotoFiles", {{"/", Kind::kTextprotoFiles, true}}},
      {"CachedOnes",
       {{"/", Kind::kRocksDb, true},
        {"/a", Kind::kMemory, true},
        {"/a/b", Kind::kRocksDb},
        {"/b", Kind::kJsonFiles, true},
        {"/c", Kind::kRocksDb, true}}},
      {"RocksDbTwice", {{"/", Kind::kRocksDb}, {"/b", Kind::kRocksDb}}},
      {"Nested",
       {{"/a/b", Kind::kMemory},
        {"/", Kind::kRocksDb},
        {"/c", Kind::kFaultyMemory},
        {"/a", Kind::kRocksDb},
        {"/a/b/c/d", Kind::kRocksDb}}},
  };
}

}  // namespace restate
