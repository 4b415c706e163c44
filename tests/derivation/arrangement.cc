#include "tests/derivation/arrangement.h"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <utility>

namespace restate::test {

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

Arrangement::Arrangement(Kind kind) : kind_(kind) {}

std::unique_ptr<ServerProcess> Arrangement::Start() const {
  ServerProcess::Options options;
  if (kind_ != Kind::kMemory) options.data_dir = data_.path();
  if (kind_ == Kind::kMixed) {
    const std::string file = config_.path() + "/restated.yaml";
    std::ofstream(file)
        << "mounts:\n"
           "  - {path: /, backend: rocksdb}\n"
           "  - {path: /s1, backend: memory}\n"
           "  - {path: /s2, backend: filesystem, directory: "
        << files_.path() << "}\n";
    options.extra_args = {"--config", file};
  }
  auto server = ServerProcess::Start(std::move(options));
  if (!server.ok()) {
    std::cerr << server.status() << std::endl;
    std::abort();
  }
  return *std::move(server);
}

}  // namespace restate::test
