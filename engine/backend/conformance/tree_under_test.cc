#include "engine/backend/conformance/tree_under_test.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <utility>

#include "engine/backend/faulty/faulty_backend.h"
#include "engine/backend/hybrid/hybrid_snapshot.h"
#include "engine/backend/memory/memory_backend.h"
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
    const bool faulty =
        spec.kind == Kind::kFaultyMemory || spec.kind == Kind::kFaultyRocksDb;
    std::unique_ptr<Backend> backend;
    if (spec.kind == Kind::kMemory || spec.kind == Kind::kFaultyMemory) {
      backend = std::make_unique<MemoryBackend>();
    } else if (FormatOf(spec.kind).has_value()) {
      FilesystemOptions& options = files_[backends_.size()];
      options.directory = NewFilesDirectory();
      options.format = *FormatOf(spec.kind);
      backend = *FilesystemBackend::Open(options);
    } else {
      if (store_ == nullptr) {
        directory_ = NewDirectory();
        std::filesystem::remove_all(directory_);
        store_ = *RocksDbStore::Open({.directory = directory_});
      }
      backend = *store_->OpenMount(at);
    }
    if (faulty) {
      backend = std::make_unique<FaultyBackend>(std::move(backend),
                                                std::make_shared<FaultPlan>());
    }
    backends_.push_back(std::move(backend));
  }
  if (!MountTable::Check(points).ok()) std::abort();
  table_ = std::make_unique<MountTable>(std::move(points));
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
    std::optional<uint32_t> mount = backends_[i]->commit_store_mount();
    if (mount.has_value()) {
      batch.mounts.push_back({*mount, std::move((*parts)[i])});
      continue;
    }
    absl::Status status = backends_[i]->Apply((*parts)[i], revision_);
    if (!status.ok()) return status;
  }
  return store_ == nullptr ? absl::OkStatus() : store_->Commit(batch);
}

std::shared_ptr<const Snapshot> TreeUnderTest::TakeSnapshot() {
  if (backends_.size() == 1) return *backends_.front()->TakeSnapshot();
  std::vector<MountedSnapshot> snapshots;
  for (size_t i = 0; i < backends_.size(); ++i) {
    snapshots.push_back({table_->point(i), backends_[i]->TakeSnapshot(),
                         std::string(backends_[i]->kind())});
  }
  return std::make_shared<HybridSnapshot>(std::move(snapshots));
}

absl::Status TreeUnderTest::Reopen() {
  for (const auto& [i, options] : files_) {
    backends_[i] = nullptr;
    auto opened = FilesystemBackend::Open(options);
    if (!opened.ok()) return opened.status();
    backends_[i] = *std::move(opened);
  }
  return store_ == nullptr ? absl::OkStatus() : store_->Reopen();
}

void PrintTo(const Arrangement& arrangement, std::ostream* os) {
  *os << arrangement.name;
}

std::vector<Arrangement> AllArrangements() {
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
