// Runs a fuzz target without libFuzzer: over every file of its corpus, and over
// mutations of them that are the same on every run.
//
//   replay CORPUS_FOLDER [MUTATIONS]
//
// After an abort the input is in the file that is named on standard error.

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace {

constexpr uint64_t kSeed = 20'240'607;
constexpr int kDefaultMutations = 100'000;
constexpr size_t kMaxBytes = 4'096;

std::vector<std::string> ReadCorpus(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path());
  }
  std::sort(names.begin(), names.end());
  std::vector<std::string> corpus;
  for (const std::string& name : names) {
    std::ifstream file(name, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file),
                        std::istreambuf_iterator<char>());
  }
  return corpus;
}

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& corpus)
      : corpus_(corpus), random_(kSeed) {}

  std::string Next() {
    std::string input = Any();
    const size_t steps = 1 + Below(4);
    for (size_t i = 0; i < steps; ++i) Step(&input);
    if (input.size() > kMaxBytes) input.resize(kMaxBytes);
    return input;
  }

 private:
  size_t Below(size_t n) { return random_() % n; }
  const std::string& Any() { return corpus_[Below(corpus_.size())]; }
  size_t PlaceIn(const std::string& input) { return Below(input.size() + 1); }

  void Step(std::string* input) {
    switch (Below(6)) {
      case 0:
        if (!input->empty()) {
          (*input)[Below(input->size())] ^= static_cast<char>(1 << Below(8));
        }
        break;
      case 1:
        input->insert(PlaceIn(*input), 1, static_cast<char>(Below(256)));
        break;
      case 2:
        if (!input->empty()) input->erase(Below(input->size()), 1 + Below(4));
        break;
      case 3: {
        // Once more what is there.
        const size_t from = PlaceIn(*input);
        input->insert(PlaceIn(*input), input->substr(from, Below(64)));
        break;
      }
      case 4: {
        // Something of another.
        const std::string& other = Any();
        input->insert(PlaceIn(*input), other.substr(PlaceIn(other), Below(64)));
        break;
      }
      default:
        // The beginning of one and the end of another.
        const std::string& other = Any();
        *input =
            input->substr(0, PlaceIn(*input)) + other.substr(PlaceIn(other));
    }
  }

  const std::vector<std::string>& corpus_;
  std::mt19937_64 random_;
};

// Kept so that an abort can be looked into.
class LastInput {
 public:
  LastInput() {
    const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
    name_ = std::string(folder == nullptr ? "." : folder) + "/last_input";
  }
  void Run(const std::string& input) {
    last_ = &input;
    current = this;
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()),
                           input.size());
  }
  void Save() const {
    std::ofstream(name_, std::ios::binary) << *last_;
    std::cerr << "the input is in " << name_ << std::endl;
  }

  static LastInput* current;

 private:
  std::string name_;
  const std::string* last_ = nullptr;
};

LastInput* LastInput::current = nullptr;

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: " << argv[0] << " CORPUS_FOLDER [MUTATIONS]\n";
    return 2;
  }
  const std::vector<std::string> corpus = ReadCorpus(argv[1]);
  const int mutations = argc > 2 ? std::atoi(argv[2]) : kDefaultMutations;
  if (corpus.empty()) {
    std::cerr << argv[1] << " is empty\n";
    return 1;
  }
  std::signal(SIGABRT, [](int) { LastInput::current->Save(); });
  LastInput last;
  for (const std::string& input : corpus) last.Run(input);
  Mutator mutator(corpus);
  for (int i = 0; i < mutations; ++i) last.Run(mutator.Next());
  std::cout << corpus.size() << " inputs and " << mutations << " mutations"
            << std::endl;
  return 0;
}
