#include "tests/linearizability/checker_process.h"

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

std::string Environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

}  // namespace

Verdict Check(const std::vector<Operation>& history) {
  const TempDir directory;
  const std::string file = directory.path() + "/history.jsonl";
  std::ofstream lines(file);
  for (const Operation& operation : history) lines << ToLine(operation);
  lines.close();
  Verdict verdict;
  if (!lines) {
    verdict.report = "the history could not be written to " + file;
    return verdict;
  }

  const std::string command = absl::StrCat(
      Environment("TEST_SRCDIR", "."), "/",
      Environment("TEST_WORKSPACE", "restate"),
      "/tests/linearizability/linearizability_checker -page '",
      Environment("TEST_UNDECLARED_OUTPUTS_DIR", directory.path()),
      "/history.html' '", file, "' 2>&1");
  FILE* const output = popen(command.c_str(), "r");
  if (output == nullptr) {
    verdict.report = "cannot run " + command;
    return verdict;
  }
  char buffer[4096];
  while (fgets(buffer, sizeof(buffer), output) != nullptr) {
    verdict.report += buffer;
  }
  const int status = pclose(output);
  if (WIFEXITED(status) && WEXITSTATUS(status) <= Verdict::kNotTold) {
    verdict.kind = static_cast<Verdict::Kind>(WEXITSTATUS(status));
  }
  return verdict;
}

}  // namespace restate::test
