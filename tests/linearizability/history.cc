#include "tests/linearizability/history.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

namespace restate::test {
namespace {

const char* Name(Operation::Kind kind) {
  switch (kind) {
    case Operation::Kind::kGet:
      return "get";
    case Operation::Kind::kSet:
      return "set";
    case Operation::Kind::kIfAbsent:
      return "if_absent";
    case Operation::Kind::kAdd:
      return "add";
    case Operation::Kind::kDelete:
      return "delete";
    case Operation::Kind::kSetIfEqual:
      return "set_if_equal";
    case Operation::Kind::kSetIfUnchanged:
      return "set_if_unchanged";
  }
  return "";
}

const char* Name(Operation::Outcome outcome) {
  switch (outcome) {
    case Operation::Outcome::kDone:
      return "done";
    case Operation::Outcome::kRefused:
      return "refused";
    case Operation::Outcome::kUnknown:
      return "unknown";
  }
  return "";
}

}  // namespace

std::string ToLine(const Operation& operation) {
  return absl::StrCat(
      "{\"client\":", operation.client, ",\"key\":\"", operation.key,
      "\",\"call\":", operation.call, ",\"return\":", operation.end,
      ",\"kind\":\"", Name(operation.kind), "\",\"value\":", operation.value,
      ",\"expected\":", operation.expected, ",\"since\":", operation.since,
      ",\"outcome\":\"", Name(operation.outcome), "\",\"found\":",
      operation.found.has_value() ? absl::StrCat(*operation.found) : "null",
      ",\"changed\":", operation.changed ? "true" : "false",
      ",\"revision\":", operation.revision, "}\n");
}

int64_t Nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void History::Add(Operation operation) {
  MutexLock lock(&mutex_);
  if (operation.outcome != Operation::Outcome::kUnknown) ++answers_;
  operations_.push_back(std::move(operation));
  changed_.NotifyAll();
}

void History::End() {
  const int64_t now = Nanoseconds();
  MutexLock lock(&mutex_);
  for (; ended_ < operations_.size(); ++ended_) {
    Operation& operation = operations_[ended_];
    if (operation.outcome == Operation::Outcome::kUnknown) operation.end = now;
  }
}

void History::WaitForAnswers(size_t n) {
  MutexLock lock(&mutex_);
  const size_t enough = answers_ + n;
  while (answers_ < enough && calling_ > 0) changed_.Wait(&mutex_);
}

void History::CallerBegins() {
  MutexLock lock(&mutex_);
  ++calling_;
}

void History::CallerEnds() {
  MutexLock lock(&mutex_);
  --calling_;
  changed_.NotifyAll();
}

std::vector<Operation> History::operations() const {
  MutexLock lock(&mutex_);
  return operations_;
}

}  // namespace restate::test
