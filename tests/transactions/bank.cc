#include "tests/transactions/bank.h"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace restate::test {
namespace {

constexpr int64_t kTotal = kAccounts * kOpening;

void AddUnchanged(const std::string& path, int64_t revision,
                  v1::CommitRequest* commit) {
  auto* unchanged =
      commit->add_preconditions()->mutable_unchanged_since();
  unchanged->mutable_path()->set_text(path);
  unchanged->set_revision(revision);
}

v1::Value* AddSet(const std::string& path, v1::CommitRequest* commit) {
  v1::SetOperation* set = commit->add_operations()->mutable_set();
  set->mutable_path()->set_text(path);
  return set->mutable_value();
}

}  // namespace

std::string AccountPath(int account) {
  return absl::StrCat("/bank/accounts/", account);
}

v1::CommitRequest CommitFor(const Transfer& transfer, int64_t from_balance,
                            int64_t from_revision, int64_t to_balance,
                            int64_t to_revision) {
  v1::CommitRequest commit;
  commit.set_request_id(transfer.id);
  const std::string from = AccountPath(transfer.from);
  const std::string to = AccountPath(transfer.to);
  AddUnchanged(from, from_revision, &commit);
  AddUnchanged(to, to_revision, &commit);
  AddSet(from, &commit)->set_int_value(from_balance - transfer.amount);
  AddSet(to, &commit)->set_int_value(to_balance + transfer.amount);
  v1::ListValue* entry =
      AddSet("/bank/ledger/" + transfer.id, &commit)->mutable_list_value();
  entry->add_values()->set_int_value(transfer.from);
  entry->add_values()->set_int_value(transfer.to);
  entry->add_values()->set_int_value(transfer.amount);
  return commit;
}

Bank::Bank() { told_.fill(-1); }

void Bank::Tried(const Transfer& transfer) {
  MutexLock lock(&mutex_);
  attempts_[transfer.id] = Attempt{transfer};
}

void Bank::Answered(const std::string& id) {
  MutexLock lock(&mutex_);
  attempts_[id].fate = Fate::kAnswered;
  ++answers_;
  changed_.NotifyAll();
}

void Bank::Refused(const std::string& id) {
  MutexLock lock(&mutex_);
  attempts_[id].fate = Fate::kRefused;
  ++refusals_;
}

void Bank::JudgeSum(const std::string& who, int64_t revision,
                    const Balances& balances) {
  const int64_t sum =
      std::accumulate(balances.begin(), balances.end(), int64_t{0});
  if (sum == kTotal && *std::min_element(balances.begin(), balances.end()) >= 0)
    return;
  broken_.push_back(absl::StrCat(
      who, " of revision ", revision, " have ", absl::StrJoin(balances, ", "),
      ", together ", sum, "; they should have ", kTotal,
      ", and none less than 0"));
}

Balances Bank::Judge(int64_t revision, const v1::Value& accounts) {
  Balances balances;
  balances.fill(-1);
  for (const auto& [name, value] : accounts.map_value().fields()) {
    int account = 0;
    if (absl::SimpleAtoi(name, &account) && account >= 0 &&
        account < kAccounts) {
      balances[account] = value.int_value();
    }
  }
  JudgeSum("the accounts that were read", revision, balances);
  const auto [before, fresh] = readings_.emplace(revision, balances);
  if (!fresh && before->second != balances) {
    broken_.push_back(
        absl::StrCat("two readings of revision ", revision, " differ"));
  }
  return balances;
}

void Bank::Read(int64_t revision, const v1::Value& accounts) {
  MutexLock lock(&mutex_);
  Judge(revision, accounts);
}

void Bank::ReadAll(int64_t revision, const v1::Value& bank) {
  MutexLock lock(&mutex_);
  const auto& parts = bank.map_value().fields();
  const auto accounts = parts.find("accounts");
  if (accounts == parts.end()) {
    broken_.push_back("/bank/accounts is gone");
    return;
  }
  const Balances balances = Judge(revision, accounts->second);

  Balances explained;
  explained.fill(kOpening);
  const auto ledger = parts.find("ledger");
  if (ledger != parts.end()) {
    for (const auto& [id, entry] : ledger->second.map_value().fields()) {
      const auto tried = attempts_.find(id);
      const auto& values = entry.list_value().values();
      if (tried == attempts_.end() || values.size() != 3 ||
          values[0].int_value() != tried->second.transfer.from ||
          values[1].int_value() != tried->second.transfer.to ||
          values[2].int_value() != tried->second.transfer.amount) {
        broken_.push_back(
            absl::StrCat("nobody tried what the ledger has at ", id));
        continue;
      }
      if (tried->second.fate == Fate::kRefused) {
        broken_.push_back(absl::StrCat(id, " was refused, and happened"));
      }
      explained[tried->second.transfer.from] -= tried->second.transfer.amount;
      explained[tried->second.transfer.to] += tried->second.transfer.amount;
    }
  }
  if (balances != explained) {
    broken_.push_back(absl::StrCat(
        "at revision ", revision, " the accounts have ",
        absl::StrJoin(balances, ", "), ", and the ledger explains ",
        absl::StrJoin(explained, ", ")));
  }
}

void Bank::Settle(const v1::Value& bank) {
  MutexLock lock(&mutex_);
  const auto& parts = bank.map_value().fields();
  const auto ledger = parts.find("ledger");
  for (const auto& [id, attempt] : attempts_) {
    if (attempt.fate == Fate::kAnswered &&
        (ledger == parts.end() ||
         !ledger->second.map_value().fields().contains(id))) {
      broken_.push_back(absl::StrCat(id, " was answered, and is gone"));
    }
  }
}

void Bank::CloseRevision() {
  if (told_revision_ == 0) return;
  JudgeSum("the accounts that were told", told_revision_, told_);
  tellings_[told_revision_] = told_;
}

void Bank::Heard(const v1::Event& event) {
  MutexLock lock(&mutex_);
  if (event.revision() != told_revision_) CloseRevision();
  told_revision_ = event.revision();
  const std::string& path = event.current_path().text();
  int account = 0;
  if (!absl::SimpleAtoi(path.substr(path.rfind('/') + 1), &account) ||
      account < 0 || account >= kAccounts) {
    broken_.push_back(absl::StrCat("there was an event at ", path));
    return;
  }
  const int64_t before = event.prev_value().int_value();
  if (event.kind() != v1::EVENT_KIND_INITIAL && told_[account] != before) {
    broken_.push_back(absl::StrCat(
        "the event of revision ", event.revision(), " says that ", path,
        " had ", before, ", and the one before said ", told_[account]));
  }
  told_[account] = event.new_value().int_value();
}

void Bank::Compare() {
  MutexLock lock(&mutex_);
  CloseRevision();
  if (!tellings_.empty()) {
    for (const auto& [revision, balances] : readings_) {
      auto telling = tellings_.upper_bound(revision);
      // Before the first; or after the last, of which nobody knows yet.
      if (telling == tellings_.begin() ||
          revision > tellings_.rbegin()->first) {
        continue;
      }
      ++compared_;
      if (std::prev(telling)->second != balances) {
        broken_.push_back(absl::StrCat(
            "at revision ", revision, " a reader saw ",
            absl::StrJoin(balances, ", "), ", and the subscriber was told ",
            absl::StrJoin(std::prev(telling)->second, ", ")));
      }
    }
  }
  readings_.clear();
}

void Bank::ClientBegins() {
  MutexLock lock(&mutex_);
  ++transferring_;
}

void Bank::ClientEnds() {
  MutexLock lock(&mutex_);
  --transferring_;
  changed_.NotifyAll();
}

void Bank::WaitForAnswers(size_t n) {
  MutexLock lock(&mutex_);
  const size_t enough = answers_ + n;
  while (answers_ < enough && transferring_ > 0) changed_.Wait(&mutex_);
}

std::vector<std::string> Bank::broken() const {
  MutexLock lock(&mutex_);
  return broken_;
}

size_t Bank::answers() const {
  MutexLock lock(&mutex_);
  return answers_;
}

size_t Bank::refusals() const {
  MutexLock lock(&mutex_);
  return refusals_;
}

size_t Bank::compared() const {
  MutexLock lock(&mutex_);
  return compared_;
}

}  // namespace restate::test
