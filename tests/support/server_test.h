#ifndef RESTATE_TESTS_SUPPORT_SERVER_TEST_H_
#define RESTATE_TESTS_SUPPORT_SERVER_TEST_H_

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "restate/v1/event_service.pb.h"
#include "tests/support/client.h"
#include "tests/support/server_process.h"
#include "tests/support/subscription_reader.h"
#include "tests/support/temp_dir.h"

namespace restate::test {

// Where the server under test keeps its state.
enum class Storage {
  // RocksDB at /, memory at /tmp: what it does by default with a data
  // directory.
  kRocksDb,
  // Memory alone: what it does without one.
  kMemory,
};

// A fixture with a server of its own and a client of it. At the end the server
// is stopped and must exit with 0; if the test failed, its log is shown.
class ServerTest : public testing::Test {
 protected:
  explicit ServerTest(Storage storage = Storage::kRocksDb)
      : storage_(storage) {}

  void SetUp() override;
  void TearDown() override;

  // The server's configuration file, in YAML; empty: none.
  virtual std::string Config() const { return ""; }
  // Whether it serves metrics: server().http_address().
  virtual bool Metrics() const { return false; }
  // Further options of it, beside what the above say.
  virtual void Adapt(ServerProcess::Options* options) {}

  Storage storage() const { return storage_; }
  ServerProcess& server() { return *server_; }
  Client& client() { return *client_; }
  // A client with a connection of its own.
  std::unique_ptr<Client> NewClient();

  // SIGTERM, exit code 0, and a start on the same data; client() is a new one.
  void Restart();
  // The same without a goodbye: SIGKILL.
  void KillAndRestart();

  // A stream of the default kind, live.
  std::unique_ptr<SubscriptionReader> Subscribe(const std::string& pattern);
  std::unique_ptr<SubscriptionReader> Subscribe(
      const v1::SubscribeRequest& request);

 private:
  const Storage storage_;
  TempDir data_;
  TempDir config_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<Client> client_;
};

// The same over both ways of keeping state: INSTANTIATE_OVER_STORAGES(MyTest).
class StorageTest : public ServerTest,
                    public testing::WithParamInterface<Storage> {
 protected:
  StorageTest() : ServerTest(GetParam()) {}
};

#define INSTANTIATE_OVER_STORAGES(test_suite)                          \
  INSTANTIATE_TEST_SUITE_P(                                            \
      Storages, test_suite,                                            \
      testing::Values(Storage::kRocksDb, Storage::kMemory),            \
      [](const testing::TestParamInfo<Storage>& info) {                \
        return info.param == Storage::kRocksDb ? "RocksDb" : "Memory"; \
      })

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_SERVER_TEST_H_
