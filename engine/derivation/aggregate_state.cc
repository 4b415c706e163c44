#include "engine/derivation/aggregate_state.h"

#include <algorithm>
#include <limits>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"

namespace restate {
namespace {

void AddNumber(const Value& value, ExactSum* sum) {
  if (value.kind() == Value::Kind::kInt) {
    sum->Add(value.as_int());
  } else {
    sum->Add(value.as_double());
  }
}

void TakeNumber(const Value& value, ExactSum* sum) {
  if (value.kind() == Value::Kind::kInt) {
    sum->Subtract(value.as_int());
  } else {
    sum->Subtract(value.as_double());
  }
}

}  // namespace

void AggregateState::Judge(Contribution* contribution) const {
  if (!contribution->error.empty()) return;
  switch (combine_) {
    case Combine::kCount:
    case Combine::kCollect:
      return;
    case Combine::kSum:
    case Combine::kMean:
      if (!contribution->value.is_number()) {
        contribution->error = "`each` gives no number";
      }
      return;
    case Combine::kMin:
    case Combine::kMax:
      if (!OrderedValues::CanHold(contribution->value)) {
        contribution->error = "`each` gives neither a number nor a string";
      }
      return;
  }
}

void AggregateState::AddTo(Group* group, const std::string& name,
                           const Value& value) const {
  ++group->count;
  switch (combine_) {
    case Combine::kCount:
      return;
    case Combine::kSum:
    case Combine::kMean:
      AddNumber(value, &group->sum);
      return;
    case Combine::kMin:
    case Combine::kMax:
      group->ordered.Add(value);
      return;
    case Combine::kCollect:
      if (group->filling != nullptr) {
        group->filling->Append(name, value);
      } else {
        group->collected = group->collected.Set(name, value);
      }
      return;
  }
}

void AggregateState::TakeFrom(Group* group, const std::string& name,
                              const Value& value) const {
  --group->count;
  switch (combine_) {
    case Combine::kCount:
      return;
    case Combine::kSum:
    case Combine::kMean:
      TakeNumber(value, &group->sum);
      return;
    case Combine::kMin:
    case Combine::kMax:
      group->ordered.Remove(value);
      return;
    case Combine::kCollect:
      group->collected = group->collected.Erase(name);
      return;
  }
}

std::optional<Contribution> AggregateState::ContributionOf(
    const std::string& name) const {
  auto it = parts_.find(name);
  if (it == parts_.end()) return std::nullopt;
  const Part& part = it->second;
  if (part.group == nullptr) {
    return Contribution{"", Value(), child_errors_.at(name)};
  }
  return Contribution{part.group->name,
                      combine_ == Combine::kCollect
                          ? *part.group->collected.Find(name)
                          : part.value,
                      ""};
}

AggregateState::Group* AggregateState::GroupOf(const std::string& name) {
  std::unique_ptr<Group>& group = groups_[name];
  if (group == nullptr) {
    group = std::make_unique<Group>();
    group->name = name;
    if (filling_) group->filling = std::make_unique<Value::Map::Builder>();
  }
  return group.get();
}

void AggregateState::TakeOut(const std::string& name, Part* part) {
  if (part->group == nullptr) {
    child_errors_.erase(name);
    return;
  }
  TakeFrom(part->group, name, part->value);
  NoteChanged(part->group);
  part->group = nullptr;
}

void AggregateState::NoteChanged(Group* group) {
  if (std::exchange(group->changed, true)) return;
  changed_groups_.push_back(group);
}

void AggregateState::SetChild(const std::string& name,
                              std::optional<Contribution> contribution) {
  if (!versions_.empty()) undo_.push_back(Undo{name, ContributionOf(name)});
  Change(name, std::move(contribution));
}

void AggregateState::Change(const std::string& name,
                            std::optional<Contribution> contribution) {
  if (!contribution.has_value()) {
    auto it = parts_.find(name);
    if (it == parts_.end()) return;
    TakeOut(name, &it->second);
    parts_.erase(it);
    return;
  }
  Judge(&*contribution);
  auto [it, added] = parts_.try_emplace(name);
  Part& part = it->second;
  if (combine_ == Combine::kCollect && part.group != nullptr &&
      contribution->error.empty() &&
      part.group->name == contribution->group) {
    // In one step.
    Value::Map& collected = part.group->collected;
    collected = collected.Set(name, std::move(contribution->value));
    NoteChanged(part.group);
    return;
  }
  if (!added) TakeOut(name, &part);
  if (!contribution->error.empty()) {
    child_errors_[name] = std::move(contribution->error);
    part.value = Value();
    return;
  }
  part.group = GroupOf(contribution->group);
  AddTo(part.group, name, contribution->value);
  NoteChanged(part.group);
  if (combine_ != Combine::kCount && combine_ != Combine::kCollect) {
    part.value = std::move(contribution->value);
  }
}

void AggregateState::BeginFilling(size_t children) {
  filling_ = true;
  parts_.reserve(children);
}

void AggregateState::EndFilling() {
  filling_ = false;
  for (auto& [name, group] : groups_) {
    group->collected = group->filling->Finish();
    group->filling = nullptr;
  }
}

void AggregateState::UpdateResults() {
  // All at once, in order, if all are new.
  std::vector<std::pair<std::string, Value>> first_results;
  const bool first = results_.empty();
  for (Group* group : changed_groups_) {
    group->changed = false;
    const std::string& name = group->name;
    if (group->count == 0) {
      results_ = results_.Erase(name);
      group_errors_.erase(name);
      groups_.erase(std::string(name));
      continue;
    }
    Result result = ResultOf(*group);
    if (result.error.empty()) {
      group_errors_.erase(name);
    } else {
      group_errors_[name] = std::move(result.error);
    }
    if (!result.value.has_value()) {
      results_ = results_.Erase(name);
    } else if (first) {
      first_results.emplace_back(name, *std::move(result.value));
    } else {
      results_ = results_.Set(name, *std::move(result.value));
    }
  }
  changed_groups_.clear();
  if (first_results.empty()) return;
  std::sort(first_results.begin(), first_results.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  Value::Map::Builder builder;
  for (auto& [name, value] : first_results) {
    builder.Append(std::move(name), std::move(value));
  }
  results_ = builder.Finish();
}

AggregateState::Result AggregateState::ResultOf(const Group& group) const {
  switch (combine_) {
    case Combine::kCount:
      return {Value::Int(group.count), ""};
    case Combine::kSum: {
      if (!group.sum.all_integers()) {
        return {Value::Double(group.sum.Round()), ""};
      }
      const absl::int128 sum = group.sum.integers();
      if (sum > std::numeric_limits<int64_t>::max() ||
          sum < std::numeric_limits<int64_t>::min()) {
        return {std::nullopt, "the sum does not fit into an int64"};
      }
      return {Value::Int(static_cast<int64_t>(sum)), ""};
    }
    case Combine::kMean:
      return {Value::Double(group.sum.Mean(group.count)), ""};
    case Combine::kMin:
    case Combine::kMax:
      if (group.ordered.mixed()) {
        return {std::nullopt, "numbers and strings do not compare"};
      }
      return {combine_ == Combine::kMin ? group.ordered.Least()
                                        : group.ordered.Greatest(),
              ""};
    case Combine::kCollect:
      return {Value::MakeMap(group.collected), ""};
  }
  return {};
}

AggregateState::Result AggregateState::result() {
  UpdateResults();
  if (!child_errors_.empty()) {
    const auto first = child_errors_.begin();
    return {std::nullopt,
            absl::StrCat("child ", first->first, ": ", first->second)};
  }
  if (!group_errors_.empty()) {
    const auto first = group_errors_.begin();
    return {std::nullopt,
            grouped_ ? absl::StrCat("group ", first->first, ": ", first->second)
                     : first->second};
  }
  const bool nothing_is_zero =
      combine_ == Combine::kCount || combine_ == Combine::kSum;
  if (groups_.empty() && !nothing_is_zero) return {};
  if (grouped_) return {Value::MakeMap(results_), ""};
  return {results_.empty() ? Value::Int(0) : results_.begin()->value, ""};
}

void AggregateState::KeepAs(uint64_t version) {
  versions_.emplace_back(version, undo_.size());
}

bool AggregateState::GoBackTo(uint64_t version) {
  const auto kept =
      std::find_if(versions_.begin(), versions_.end(),
                   [&](const auto& one) { return one.first == version; });
  if (kept == versions_.end()) return false;
  while (undo_.size() > kept->second) {
    Undo& undo = undo_.back();
    Change(undo.name, std::move(undo.before));
    undo_.pop_back();
  }
  versions_.erase(kept + 1, versions_.end());
  return true;
}

void AggregateState::ForgetOlder() {
  if (versions_.empty()) return;
  const auto [version, changes] = versions_.back();
  undo_.erase(undo_.begin(),
              undo_.begin() + static_cast<ptrdiff_t>(changes));
  versions_ = {{version, 0}};
}

}  // namespace restate
