#include "tests/linearizability/register_client.h"

#include <utility>

#include "gtest/gtest.h"
#include "tests/support/error_info.h"

namespace restate::test {
namespace {

// So few values that conditions hold now and then, and that writes sometimes
// change nothing.
constexpr uint64_t kValues = 6;

}  // namespace

RegisterClient::RegisterClient(const std::string& address, int id,
                               uint64_t seed,
                               const std::vector<std::string>& keys,
                               History* history)
    : client_(address),
      id_(id),
      random_(seed * 1'000'003 + id),
      keys_(keys),
      history_(history) {}

Operation RegisterClient::Choose() {
  Operation operation;
  operation.client = id_;
  operation.key = keys_[random_() % keys_.size()];
  const Known& known = known_[operation.key];
  operation.value = static_cast<int64_t>(random_() % kValues);
  const uint64_t kind = random_() % 20;
  if (kind < 6) {
    operation.kind = Operation::Kind::kGet;
  } else if (kind < 9) {
    operation.kind = Operation::Kind::kSet;
  } else if (kind < 10) {
    operation.kind = Operation::Kind::kIfAbsent;
  } else if (kind < 12) {
    operation.kind = Operation::Kind::kAdd;
  } else if (kind < 13) {
    operation.kind = Operation::Kind::kDelete;
  } else if (kind < 16) {
    operation.kind = Operation::Kind::kSetIfEqual;
    operation.expected = known.value;
  } else {
    operation.kind = Operation::Kind::kSetIfUnchanged;
    operation.since = known.revision;
  }
  return operation;
}

bool RegisterClient::CallOnce() {
  Operation operation = Choose();
  // Nothing is known yet that could be a condition.
  if (operation.kind == Operation::Kind::kSetIfUnchanged &&
      operation.since == 0) {
    operation.kind = Operation::Kind::kGet;
  }
  switch (operation.kind) {
    case Operation::Kind::kGet:
      return Get(std::move(operation));
    case Operation::Kind::kDelete:
      return Delete(std::move(operation));
    default:
      return Set(std::move(operation));
  }
}

bool RegisterClient::Get(Operation operation) {
  v1::GetStateRequest request;
  request.mutable_path()->set_text(operation.key);
  request.set_encoding(v1::VALUE_ENCODING_TYPED);
  operation.call = Nanoseconds();
  const auto reply = client_.GetState(request);
  operation.end = Nanoseconds();
  if (!reply.ok()) return Failed(std::move(operation), reply.status);
  if (reply.response.exists()) {
    operation.found = reply.response.value().int_value();
  }
  operation.revision = reply.response.revision();
  Done(std::move(operation));
  return true;
}

bool RegisterClient::Set(Operation operation) {
  v1::SetStateRequest request;
  request.mutable_path()->set_text(operation.key);
  request.mutable_value()->set_int_value(operation.value);
  request.set_encoding(v1::VALUE_ENCODING_TYPED);
  if (operation.kind == Operation::Kind::kIfAbsent) {
    request.set_mode(v1::WRITE_MODE_IF_ABSENT);
  } else if (operation.kind == Operation::Kind::kAdd) {
    request.set_mode(v1::WRITE_MODE_ADD);
  } else if (operation.kind == Operation::Kind::kSetIfEqual) {
    auto* equals = request.add_preconditions()->mutable_equals();
    equals->mutable_path()->set_text(operation.key);
    equals->mutable_value()->set_int_value(operation.expected);
  } else if (operation.kind == Operation::Kind::kSetIfUnchanged) {
    auto* unchanged = request.add_preconditions()->mutable_unchanged_since();
    unchanged->mutable_path()->set_text(operation.key);
    unchanged->set_revision(operation.since);
  }
  operation.call = Nanoseconds();
  const auto reply = client_.SetState(request);
  operation.end = Nanoseconds();
  if (!reply.ok()) return Failed(std::move(operation), reply.status);
  if (reply.response.has_value()) {
    operation.found = reply.response.value().int_value();
  }
  operation.changed = reply.response.changed();
  operation.revision = reply.response.revision();
  Done(std::move(operation));
  return true;
}

bool RegisterClient::Delete(Operation operation) {
  v1::DeleteStateRequest request;
  request.mutable_path()->set_text(operation.key);
  operation.call = Nanoseconds();
  const auto reply = client_.DeleteState(request);
  operation.end = Nanoseconds();
  if (!reply.ok()) return Failed(std::move(operation), reply.status);
  operation.changed = reply.response.deleted();
  operation.revision = reply.response.revision();
  Done(std::move(operation));
  return true;
}

bool RegisterClient::Failed(Operation operation, const grpc::Status& status) {
  const Failure failure = FailureOf(status);
  if (failure.code == "ABORTED") {
    if (failure.reason == "PRECONDITION_FAILED") {
      operation.outcome = Operation::Outcome::kRefused;
      history_->Add(std::move(operation));
    } else {
      // Nobody knew whether the condition held; nothing was done.
      EXPECT_EQ(failure.reason, "HISTORY_TOO_OLD") << failure;
    }
    return true;
  }
  EXPECT_EQ(failure.code, "UNAVAILABLE") << failure;
  operation.outcome = Operation::Outcome::kUnknown;
  history_->Add(std::move(operation));
  return false;
}

void RegisterClient::Done(Operation operation) {
  Known& known = known_[operation.key];
  known.revision = operation.revision;
  known.value = operation.found.value_or(operation.value);
  history_->Add(std::move(operation));
}

}  // namespace restate::test
