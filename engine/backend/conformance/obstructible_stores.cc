// The stores of ApplyPossibleTest that need no network.
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "engine/backend/conformance/apply_possible_suite.h"
#include "engine/backend/faulty/faulty_backend.h"
#include "engine/backend/filesystem/filesystem_backend.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/mount/testing/store_elsewhere.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

// One that takes batches whole.
class WholeBatches final : public ObstructibleStore {
 public:
  explicit WholeBatches(std::unique_ptr<Backend> backend,
                        std::shared_ptr<FaultPlan> plan = nullptr)
      : backend_(std::move(backend)), plan_(std::move(plan)) {}
  Backend& backend() override { return *backend_; }
  FaultPlan* plan() override { return plan_.get(); }

 private:
  const std::unique_ptr<Backend> backend_;
  const std::shared_ptr<FaultPlan> plan_;
};

// A directory: somebody's plain file lies where a directory would have to be.
class Files final : public ObstructibleStore {
 public:
  Files(FileFormat format, std::shared_ptr<FaultPlan> plan)
      : plan_(std::move(plan)) {
    static std::atomic<int> count{0};
    options_.directory = testing::TempDir() + "/obstructible_" +
                         std::to_string(getpid()) + "_" +
                         std::to_string(++count);
    options_.format = format;
    if (!Reopen()) std::abort();
  }
  ~Files() override {
    backend_.reset();
    std::filesystem::remove_all(options_.directory);
  }
  Backend& backend() override { return *backend_; }
  bool Obstruct() override {
    std::ofstream(InTheWay()) << "somebody's";
    return true;
  }
  void Clear() override { std::filesystem::remove(InTheWay()); }
  bool Reopen() override {
    backend_.reset();
    auto opened = FilesystemBackend::Open(options_);
    if (!opened.ok()) return false;
    backend_ = *std::move(opened);
    if (plan_ != nullptr) {
      backend_ = std::make_unique<FaultyBackend>(std::move(backend_), plan_);
    }
    return true;
  }
  FaultPlan* plan() override { return plan_.get(); }

 private:
  std::string InTheWay() const { return options_.directory + "/o"; }

  const std::shared_ptr<FaultPlan> plan_;
  FilesystemOptions options_;
  std::unique_ptr<Backend> backend_;
};

// The double of a store elsewhere that tests of mounts use.
class Elsewhere final : public ObstructibleStore {
 public:
  explicit Elsewhere(bool in_network)
      : backend_(store_, in_network) {}
  Backend& backend() override { return backend_; }
  bool Obstruct() override {
    store_->Obstruct(*Path::Parse("/o"));
    return true;
  }
  void Clear() override { store_->Obstruct(std::nullopt); }
  FaultPlan* plan() override { return &store_->plan; }

 private:
  const std::shared_ptr<StoreElsewhere> store_ =
      std::make_shared<StoreElsewhere>();
  ElsewhereBackend backend_;
};

}  // namespace

std::vector<ObstructibleArrangement> LocalObstructibleArrangements() {
  const auto files = [](FileFormat format) {
    return [format] { return std::make_unique<Files>(format, nullptr); };
  };
  return {
      {"Memory",
       [] {
         return std::make_unique<WholeBatches>(
             std::make_unique<MemoryBackend>());
       }},
      {"FaultyMemory",
       [] {
         auto plan = std::make_shared<FaultPlan>();
         return std::make_unique<WholeBatches>(
             std::make_unique<FaultyBackend>(std::make_unique<MemoryBackend>(),
                                             plan),
             plan);
       }},
      {"JsonFiles", files(FileFormat::kJson)},
      {"YamlFiles", files(FileFormat::kYaml)},
      {"TextprotoFiles", files(FileFormat::kTextproto)},
      {"FaultyFiles",
       [] {
         return std::make_unique<Files>(FileFormat::kJson,
                                        std::make_shared<FaultPlan>());
       }},
      {"Elsewhere", [] { return std::make_unique<Elsewhere>(false); }},
      {"ElsewhereInNetwork", [] { return std::make_unique<Elsewhere>(true); }},
  };
}

}  // namespace restate
