#include "tests/derivation/definer.h"

#include <iterator>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/error_info.h"
#include "tests/watch/random_writes.h"

namespace restate::test {

void Definer::Note(int64_t revision, Rules rules) {
  rules_ = std::move(rules);
  from_[revision] = rules_;
}

void Definer::Settle(bool it_was_done) {
  if (it_was_done) rules_ = *unanswered_;
  unanswered_.reset();
}

const Rules& Definer::At(int64_t revision) const {
  return std::prev(from_.upper_bound(revision))->second;
}

bool Definer::Step(DerivationClient& calls, const std::string& session_id) {
  const Path dest = random_.RandomDestination();
  Rules rules = rules_;
  const bool removes = random_.Chance(15);
  if (removes) {
    if (rules.erase(dest) == 0) return true;
  } else {
    rules[dest] = random_.RandomRule(dest, rules_);
  }
  const bool ordered = Order(rules, true).has_value();
  // A circle that a tracked one closes is found by whoever comes last.
  if (!ordered && Order(rules, false).has_value()) return true;
  grpc::Status status;
  int64_t revision = 0;
  if (removes) {
    const auto reply = calls.Remove(dest);
    status = reply.status;
    revision = reply.response.revision();
  } else {
    const Rule& rule = rules.at(dest);
    if (rule.runs == Rule::Runs::kHosted) bodies_->Add(rule);
    v1::DeriveRequest request = rule.ToRequest(session_id);
    request.set_overwrite(true);
    const auto reply = calls.Derive(request);
    status = reply.status;
    revision = reply.response.revision();
  }
  if (status.ok()) {
    EXPECT_TRUE(ordered) << dest.ToText() << " closes a circle";
    Note(revision, std::move(rules));
    return true;
  }
  const Failure failure = FailureOf(status);
  if (failure.code == "UNAVAILABLE") {
    if (ordered) unanswered_ = std::move(rules);
    return false;
  }
  EXPECT_FALSE(ordered) << dest.ToText() << ": " << failure;
  EXPECT_EQ(failure.reason, "CYCLE") << failure;
  return true;
}

void Definer::HostAgain(DerivationClient& calls,
                        const std::string& session_id) const {
  for (const auto& [dest, rule] : rules_) {
    if (rule.runs != Rule::Runs::kHosted) continue;
    v1::DeriveRequest request = rule.ToRequest(session_id);
    request.set_wait(v1::WAIT_DERIVED);
    const auto reply = calls.Derive(request);
    EXPECT_TRUE(reply.ok()) << FailureOf(reply.status);
  }
}

bool CommitAtRandom(Client& client, RandomGraph& random) {
  const auto reply =
      client.Commit(ToMessage(random.RandomOperations(), "payload"));
  if (reply.ok()) return true;
  const Failure failure = FailureOf(reply.status);
  if (failure.code == "UNAVAILABLE") return false;
  EXPECT_TRUE(failure.reason == "DERIVED_PATH" ||
              failure.reason == "KIND_MISMATCH")
      << failure;
  return true;
}

}  // namespace restate::test
