// The conformance suite over stores in a network: real BackendService servers,
// on the memory, the disk and the files of another process, behind caches, and
// mounted among others.
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/conformance/conformance_suite.h"
#include "engine/threads/testing/shared_pool.h"
#include "gtest/gtest.h"
#include "service/remote/remote_mount.h"
#include "service/remote/testing/store_server.h"
#include "tests/support/server_process.h"
#include "tests/support/store_process.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

using Kind = TreeUnderTest::Kind;
using MakeFar = std::function<std::unique_ptr<FarStore>()>;

std::unique_ptr<Backend> Mount(const std::string& address, const Path& root,
                               const Path& at) {
  RemoteMountOptions options;
  options.store.address = address;
  options.store.root = root;
  options.backend.mount = at;
  options.backend.writer = "near";
  options.backend.jobs = SharedPool();
  // Several calls for the larger batches.
  options.backend.max_apply_bytes = size_t{1} << 16;
  return *OpenRemoteMount(std::move(options));
}

// A server of a store in memory, in this process. The data outlive it.
class MemoryFarStore final : public FarStore {
 public:
  std::unique_ptr<Backend> Open(const Path& at) override {
    return Mount(server_.address(), Path(), at);
  }
  absl::Status Bounce() override {
    server_.Stop();
    server_.Start();
    return absl::OkStatus();
  }

 private:
  StoreServer server_{std::make_shared<MemoryStore>("store")};
};

// A restated that exports what it has mounted at /s.
class RestatedFarStore final : public FarStore {
 public:
  // `serializer` is that of files; empty: they are in RocksDB.
  explicit RestatedFarStore(const std::string& serializer) {
    const std::string config = config_.path() + "/restate.yaml";
    std::ofstream(config)
        << "exports: [{path: /s}]\n"
        << "mounts:\n"
        << "  - {path: /, backend: rocksdb}\n"
        << (serializer.empty()
                ? ""
                : "  - {path: /s, backend: filesystem, serializer: " +
                      serializer + ", directory: " + files_.path() + "}\n");
    ServerProcess::Options options;
    options.data_dir = data_.path();
    options.extra_args = {"--config", config};
    process_ = *ServerProcess::Start(options);
  }
  std::unique_ptr<Backend> Open(const Path& at) override {
    return Mount(process_->address(), *Path::Parse("/s"), at);
  }
  absl::Status Bounce() override {
    process_->Kill();
    return process_->Restart();
  }

 private:
  TempDir data_;
  TempDir config_;
  TempDir files_;
  std::unique_ptr<ServerProcess> process_;
};

// The store of the Python client's examples, over SQLite.
class PythonFarStore final : public FarStore {
 public:
  std::unique_ptr<Backend> Open(const Path& at) override {
    return Mount(process_->address(), Path(), at);
  }
  absl::Status Bounce() override {
    process_->Kill();
    return process_->Restart();
  }

 private:
  TempDir directory_;
  const std::unique_ptr<StoreProcess> process_ =
      *StoreProcess::Start(directory_.path() + "/state.db");
};

// Nothing but what docs/storage.md has of remote mounts is different.
Arrangement Remote(std::string name,
                   std::vector<TreeUnderTest::MountSpec> mounts,
                   size_t levels) {
  return {std::move(name), std::move(mounts), /*keeps_old_views=*/false,
          levels};
}

std::vector<Arrangement> RemoteArrangements() {
  const MakeFar memory = [] { return std::make_unique<MemoryFarStore>(); };
  const MakeFar python = [] { return std::make_unique<PythonFarStore>(); };
  const auto restated = [](std::string serializer) -> MakeFar {
    return [serializer] {
      return std::make_unique<RestatedFarStore>(serializer);
    };
  };
  // /s is one level of its server.
  constexpr size_t kExported = kMaxDepth - 1;
  std::vector<Arrangement> all;
  for (const bool cached : {false, true}) {
    const std::string prefix = cached ? "CachedRemote" : "Remote";
    const auto add = [&](const std::string& name, const MakeFar& far,
                         size_t levels) {
      all.push_back(
          Remote(prefix + name, {{"/", Kind::kFar, cached, far}}, levels));
    };
    add("Memory", memory, kMaxDepth);
    add("RocksDb", restated(""), kExported);
    add("JsonFiles", restated("json"), kExported);
    add("YamlFiles", restated("yaml"), kExported);
    add("TextprotoFiles", restated("textproto"), kExported);
  }
  all.push_back(
      Remote("RemotePythonSqlite", {{"/", Kind::kFar, false, python}},
             kMaxDepth));
  all.push_back(Remote("RocksDbWithRemoteAtA",
                       {{"/", Kind::kRocksDb},
                        {"/a", Kind::kFar, false, restated("")}},
                       kMaxDepth));
  all.push_back(Remote("RemoteWithMemoryAtA",
                       {{"/", Kind::kFar, false, memory},
                        {"/a", Kind::kMemory}},
                       kMaxDepth));
  all.push_back(Remote("RemoteOnesAmongOthers",
                       {{"/", Kind::kRocksDb, true},
                        {"/a", Kind::kFar, true, memory},
                        {"/a/b", Kind::kJsonFiles},
                        {"/b", Kind::kFar, false, restated("json")},
                        {"/c", Kind::kMemory}},
                       kMaxDepth));
  return all;
}

}  // namespace
}  // namespace restate::test

namespace restate {

INSTANTIATE_TEST_SUITE_P(Remote, ConformanceTest,
                         testing::ValuesIn(test::RemoteArrangements()),
                         NameOfArrangement);
INSTANTIATE_TEST_SUITE_P(Remote, RandomOperationsTest,
                         testing::ValuesIn(test::RemoteArrangements()),
                         NameOfArrangement);

}  // namespace restate
