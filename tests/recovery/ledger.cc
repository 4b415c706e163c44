#include "tests/recovery/ledger.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace restate::test {
namespace {

std::string LogPath(int w, int64_t number) {
  return absl::StrCat("/log/", w, "/", number);
}

std::string SinglePath(int w) { return absl::StrCat("/single/", w); }

void AddSet(const std::string& path, int64_t number, v1::WriteMode mode,
            v1::CommitRequest* commit) {
  v1::SetOperation* set = commit->add_operations()->mutable_set();
  set->mutable_path()->set_text(path);
  set->mutable_value()->set_int_value(number);
  set->set_mode(mode);
}

// The child called `name` of a reading; null if it is not there.
const v1::Value* Child(const v1::Value& map, const std::string& name) {
  const auto& fields = map.map_value().fields();
  const auto found = fields.find(name);
  return found == fields.end() ? nullptr : &found->second;
}

// The order of BatchGetState's paths: /order, /log, /single.
const v1::Value& Order(const v1::BatchGetStateResponse& response) {
  return response.results(0).value();
}
const v1::Value& Log(const v1::BatchGetStateResponse& response) {
  return response.results(1).value();
}
const v1::Value& Single(const v1::BatchGetStateResponse& response) {
  return response.results(2).value();
}

int64_t CountLog(const v1::BatchGetStateResponse& response) {
  int64_t count = 0;
  for (const auto& [writer, log] : Log(response).map_value().fields()) {
    count += log.map_value().fields_size();
  }
  return count;
}

}  // namespace

v1::CommitRequest CommitFor(int w, int number, const Attempt& attempt) {
  v1::CommitRequest commit;
  switch (attempt.kind) {
    case WriteKind::kTransaction:
      AddSet("/order", 1, v1::WRITE_MODE_ADD, &commit);
      AddSet(LogPath(w, number), number, v1::WRITE_MODE_SET, &commit);
      break;
    case WriteKind::kSingle:
      AddSet(SinglePath(w), number, v1::WRITE_MODE_SET, &commit);
      break;
    case WriteKind::kVolatile:
      AddSet(absl::StrCat("/tmp/", w), number, v1::WRITE_MODE_SET, &commit);
      break;
  }
  commit.set_encoding(v1::VALUE_ENCODING_TYPED);
  if (attempt.relaxed) commit.set_durability(v1::DURABILITY_RELAXED);
  return commit;
}

int Ledger::Sent(int w, Attempt attempt) {
  MutexLock lock(&mutex_);
  attempts_[w].push_back(attempt);
  return static_cast<int>(attempts_[w].size());
}

void Ledger::Answered(int w, int number, const v1::CommitResponse& response) {
  MutexLock lock(&mutex_);
  Attempt& attempt = attempts_[w][number - 1];
  attempt.answered = true;
  ++answers_;
  if (!response.changed()) {
    broken_.push_back(
        absl::StrCat("commit ", number, " of writer ", w, " changed nothing"));
  }
  if (!commit_revisions_.insert(response.revision()).second) {
    broken_.push_back(
        absl::StrCat("revision ", response.revision(), " was given twice"));
  }
  Told(response.revision());
  if (attempt.kind == WriteKind::kTransaction && !attempt.relaxed) {
    orders_[response.revision()] =
        response.results(0).set().value().int_value();
  }
  changed_.NotifyAll();
}

void Ledger::Told(int64_t revision) {
  last_revision_ = std::max(last_revision_, revision);
}

void Ledger::Read(const v1::BatchGetStateResponse& response) {
  MutexLock lock(&mutex_);
  Told(response.revision());
  const int64_t order = Order(response).int_value();
  if (order != CountLog(response)) {
    broken_.push_back(absl::StrCat("a reader saw /order ", order, " and ",
                                   CountLog(response),
                                   " entries of /log at one revision"));
  }
  seen_order_ = std::max(seen_order_, order);
  for (const auto& [writer, value] : Single(response).map_value().fields()) {
    int64_t& seen = seen_["/single/" + writer];
    seen = std::max(seen, value.int_value());
  }
  for (const auto& [writer, log] : Log(response).map_value().fields()) {
    for (const auto& [name, value] : log.map_value().fields()) {
      seen_["/log/" + writer + "/" + name] = value.int_value();
    }
  }
}

void Ledger::Heard(const v1::Event& event) {
  MutexLock lock(&mutex_);
  Told(event.revision());
  const std::string& path = event.emitting_path().text();
  const int64_t number = event.new_value().int_value();
  if (path == "/order") {
    seen_order_ = std::max(seen_order_, number);
  } else if (path.rfind("/single/", 0) == 0 || path.rfind("/log/", 0) == 0) {
    int64_t& seen = seen_[path];
    seen = std::max(seen, number);
  }
}

void Ledger::WaitForAnswers(int n) {
  MutexLock lock(&mutex_);
  const int enough = answers_ + n;
  while (answers_ < enough && writing_ > 0) changed_.Wait(&mutex_);
}

std::vector<std::string> Ledger::Settle(
    const v1::BatchGetStateResponse& after) {
  MutexLock lock(&mutex_);
  std::vector<std::string> broken;
  broken.swap(broken_);

  // Exactly a prefix of the transactions in revision order.
  const int64_t order = Order(after).int_value();
  if (order != CountLog(after)) {
    broken.push_back(absl::StrCat("/order is ", order, ", but /log has ",
                                  CountLog(after),
                                  " entries: not a prefix, or half a commit"));
  }
  if (order < seen_order_) {
    broken.push_back(absl::StrCat("somebody saw /order at ", seen_order_,
                                  ", and now it is ", order));
  }
  // The order in which they were answered is the order of the revisions.
  int64_t previous = 0;
  for (const auto& [revision, number] : orders_) {
    if (number <= previous) {
      broken.push_back(absl::StrCat("at revision ", revision, " /order was ",
                                    number, ", not above ", previous));
    }
    previous = number;
  }
  if (previous > order) {
    broken.push_back(absl::StrCat("/order ", previous,
                                  " was answered, and now it is ", order));
  }
  orders_.clear();

  for (const auto& [path, number] : seen_) {
    const bool single = path.rfind("/single/", 0) == 0;
    const v1::Value* found = &(single ? Single(after) : Log(after));
    std::string rest = path.substr(single ? 8 : 5);
    for (size_t slash; found != nullptr;) {
      slash = rest.find('/');
      found = Child(*found, rest.substr(0, slash));
      if (slash == std::string::npos) break;
      rest = rest.substr(slash + 1);
    }
    if (found == nullptr || found->int_value() < number) {
      broken.push_back(absl::StrCat("somebody saw ", number, " at ", path,
                                    ", and it is gone"));
    }
  }
  seen_.clear();
  for (size_t w = 0; w < attempts_.size(); ++w) {
    SettleWriter(static_cast<int>(w), after, &broken);
  }
  seen_order_ = order;
  Told(after.revision());
  return broken;
}

void Ledger::SettleWriter(int w, const v1::BatchGetStateResponse& after,
                          std::vector<std::string>* broken) {
  const v1::Value* log = Child(Log(after), absl::StrCat(w));
  const v1::Value* single = Child(Single(after), absl::StrCat(w));
  const int last_single =
      single == nullptr ? 0 : static_cast<int>(single->int_value());
  auto in_log = [&](int number) {
    return log != nullptr && Child(*log, absl::StrCat(number)) != nullptr;
  };
  std::vector<Attempt>& attempts = attempts_[w];
  const int count = static_cast<int>(attempts.size());

  // The last of this writer's commits that is there. They were sequenced in the
  // order of their numbers, so all before it must be there and none after it.
  int last = last_single;
  for (int number = count; number > last; --number) {
    if (in_log(number)) last = number;
  }
  int newest_single = 0;
  int logged = 0;
  for (int number = 1; number <= count; ++number) {
    Attempt& attempt = attempts[number - 1];
    if (attempt.kind == WriteKind::kVolatile) continue;
    if (number > last) {
      if (attempt.answered && !attempt.relaxed) {
        broken->push_back(absl::StrCat("commit ", number, " of writer ", w,
                                       " was answered, and is gone"));
      }
      // What was lost never was.
      attempt.kind = WriteKind::kVolatile;
    } else if (attempt.kind == WriteKind::kSingle) {
      newest_single = number;
    } else if (in_log(number)) {
      ++logged;
    } else {
      broken->push_back(absl::StrCat(LogPath(w, number), " is missing, but ",
                                     last, " is there"));
    }
  }
  if (last_single != newest_single) {
    broken->push_back(absl::StrCat(SinglePath(w), " is ", last_single,
                                   ", but should be ", newest_single));
  }
  if (log != nullptr && log->map_value().fields_size() != logged) {
    broken->push_back(absl::StrCat("/log/", w, " has ",
                                   log->map_value().fields_size(),
                                   " entries, but should have ", logged));
  }
}

void Ledger::WriterBegins() {
  MutexLock lock(&mutex_);
  ++writing_;
}

void Ledger::WriterEnds() {
  MutexLock lock(&mutex_);
  --writing_;
  changed_.NotifyAll();
}

int64_t Ledger::last_revision() const {
  MutexLock lock(&mutex_);
  return last_revision_;
}

int Ledger::answers() const {
  MutexLock lock(&mutex_);
  return answers_;
}

}  // namespace restate::test
