// Runs every scenario of scenarios/ against the real server, over both ways of
// keeping state: RocksDB with memory mounted at /tmp, and memory alone.

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "tests/contract/json_match.h"
#include "tests/contract/scenario_runner.h"
#include "tests/support/client.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

enum class Storage { kRocksDb, kMemory };

std::vector<std::string> ScenarioFiles() {
  const std::string folder = std::string(std::getenv("TEST_SRCDIR")) + "/" +
                             std::getenv("TEST_WORKSPACE") +
                             "/tests/contract/scenarios";
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class ContractTest
    : public testing::TestWithParam<std::tuple<std::string, Storage>> {};

TEST_P(ContractTest, Holds) {
  const auto& [path, storage] = GetParam();
  const Json file = ParseJson(ReadFile(path));
  const TempDir data;
  ServerProcess::Options options;
  if (storage == Storage::kRocksDb) options.data_dir = data.path();
  auto server = ServerProcess::Start(options);
  ASSERT_TRUE(server.ok()) << server.status();
  Client client((*server)->address());
  ScenarioRunner runner(&client);
  for (const Json& scenario : Field(file, "scenarios")->list_value().values()) {
    runner.Run(scenario);
    if (HasFailure()) break;
  }
  EXPECT_EQ((*server)->Terminate(), 0);
  if (HasFailure()) {
    std::cerr << "the server said:\n" << (*server)->Log() << std::endl;
  }
}

std::string NameOf(
    const testing::TestParamInfo<std::tuple<std::string, Storage>>& info) {
  std::string name = std::filesystem::path(std::get<0>(info.param)).stem();
  name += std::get<1>(info.param) == Storage::kRocksDb ? "_rocksdb" : "_memory";
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, ContractTest,
                         testing::Combine(testing::ValuesIn(ScenarioFiles()),
                                          testing::Values(Storage::kRocksDb,
                                                          Storage::kMemory)),
                         NameOf);

}  // namespace
}  // namespace restate::test
