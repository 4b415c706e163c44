#include "engine/derivation/aggregate_state.h"

#include <limits>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"

namespace restate {
namespace {

// How the only group is called when there are no groups: no segment is empty.
constexpr char kNoGroup[] = "";

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
      group->collected = group->collected.Set(name, value);
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

void AggregateState::Keep(const std::string& key, Group group) {
  if (group.count == 0) {
    groups_ = groups_.Erase(key);
    results_ = results_.Erase(key);
    group_errors_ = group_errors_.Erase(key);
    return;
  }
  Result result = ResultOf(group);
  group_errors_ = result.error.empty()
                      ? group_errors_.Erase(key)
                      : group_errors_.Set(key, std::move(result.error));
  results_ = result.value.has_value()
                 ? results_.Set(key, *std::move(result.value))
                 : results_.Erase(key);
  groups_ = groups_.Set(key, std::make_shared<const Group>(std::move(group)));
}

void AggregateState::SetChild(const std::string& name,
                              std::optional<Contribution> contribution) {
  const Contribution* const found = children_.Find(name);
  if (found == nullptr && !contribution.has_value()) return;
  if (contribution.has_value()) Judge(&*contribution);
  const std::optional<Contribution> before =
      found == nullptr ? std::nullopt : std::optional<Contribution>(*found);

  if (before.has_value() && !before->error.empty()) {
    child_errors_ = child_errors_.Erase(name);
  } else if (before.has_value()) {
    Group group = **groups_.Find(before->group);
    TakeFrom(&group, name, before->value);
    Keep(before->group, std::move(group));
  }
  if (!contribution.has_value()) {
    children_ = children_.Erase(name);
    return;
  }
  if (!contribution->error.empty()) {
    child_errors_ = child_errors_.Set(name, contribution->error);
  } else {
    const auto* present = groups_.Find(contribution->group);
    Group group = present == nullptr ? Group() : **present;
    AddTo(&group, name, contribution->value);
    Keep(contribution->group, std::move(group));
  }
  children_ = children_.Set(name, *std::move(contribution));
}

AggregateState::Result AggregateState::result() const {
  if (!child_errors_.empty()) {
    const auto first = child_errors_.begin();
    return {std::nullopt, absl::StrCat("child ", first->key, ": ",
                                       first->value)};
  }
  if (!group_errors_.empty()) {
    const auto first = group_errors_.begin();
    return {std::nullopt,
            grouped_ ? absl::StrCat("group ", first->key, ": ", first->value)
                     : first->value};
  }
  const bool nothing_is_zero =
      combine_ == Combine::kCount || combine_ == Combine::kSum;
  if (groups_.empty() && !nothing_is_zero) return {};
  if (grouped_) return {Value::MakeMap(results_), ""};
  const Value* only = results_.Find(kNoGroup);
  return {only == nullptr ? Value::Int(0) : *only, ""};
}

}  // namespace restate
