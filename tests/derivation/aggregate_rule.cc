// The aggregates of Rule, from the whole source each time.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/numeric/int128.h"
#include "tests/derivation/exact_total.h"
#include "tests/derivation/rule.h"

namespace restate::test {
namespace {

std::string TypeName(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kBool:
      return "boolean";
    case Value::Kind::kInt:
    case Value::Kind::kDouble:
      return "number";
    case Value::Kind::kString:
      return "string";
    case Value::Kind::kBytes:
      return "bytes";
    case Value::Kind::kList:
      return "list";
    case Value::Kind::kMap:
      return "map";
  }
  return "";
}

bool IsPositive(const Value& number) {
  return number.kind() == Value::Kind::kInt ? number.as_int() > 0
                                            : number.as_double() > 0;
}

Tree Taken(Each each, const Value& child) {
  switch (each) {
    case Each::kChild:
      return child;
    case Each::kNumbers:
      return child.is_number() ? Tree(child) : std::nullopt;
    case Each::kFieldA: {
      const Value* field =
          child.is_map() ? child.as_map().Find("a") : nullptr;
      if (field == nullptr ||
          (field->kind() == Value::Kind::kBool && !field->as_bool())) {
        return std::nullopt;
      }
      return *field;
    }
  }
  return std::nullopt;
}

std::optional<std::string> GroupOf(GroupBy group_by, const std::string& name,
                                   const Value& child) {
  switch (group_by) {
    case GroupBy::kNone:
      return "";
    case GroupBy::kType:
      return TypeName(child);
    case GroupBy::kSign:
      if (!child.is_number()) return std::nullopt;
      return IsPositive(child) ? "more" : "less";
    case GroupBy::kFirstLetter:
      return name.substr(0, 1);
  }
  return std::nullopt;
}

// Whether number `a` is before `b`; of equals, the integer.
bool Less(const Value& a, const Value& b) {
  if (a.kind() == Value::Kind::kString) return a.as_string() < b.as_string();
  const auto exact = [](const Value& number) {
    // 64 bits of mantissa hold both exactly.
    return number.kind() == Value::Kind::kInt
               ? static_cast<long double>(number.as_int())
               : static_cast<long double>(number.as_double());
  };
  if (exact(a) != exact(b)) return exact(a) < exact(b);
  return a.kind() == Value::Kind::kInt && b.kind() != Value::Kind::kInt;
}

struct Part {
  std::string name;
  Value value;
};

Computed Sum(const std::vector<Value>& numbers) {
  absl::int128 integers = 0;
  for (const Value& number : numbers) {
    if (number.kind() != Value::Kind::kInt) {
      return {false, Value::Double(ExactTotal(numbers))};
    }
    integers += number.as_int();
  }
  if (integers > INT64_MAX || integers < INT64_MIN) {
    return {true, std::nullopt};
  }
  return {false, Value::Int(static_cast<int64_t>(integers))};
}

// Of at least one part.
Computed Combined(v1::Combine combine, const std::vector<Part>& parts) {
  std::vector<Value> values;
  for (const Part& part : parts) values.push_back(part.value);
  switch (combine) {
    case v1::COMBINE_COUNT:
      return {false, Value::Int(static_cast<int64_t>(values.size()))};
    case v1::COMBINE_SUM:
    case v1::COMBINE_MEAN:
      for (const Value& value : values) {
        if (!value.is_number()) return {true, std::nullopt};
      }
      if (combine == v1::COMBINE_SUM) return Sum(values);
      return {false, Value::Double(ExactTotal(values) /
                                   static_cast<double>(values.size()))};
    case v1::COMBINE_MIN:
    case v1::COMBINE_MAX: {
      Value best = values.front();
      for (const Value& value : values) {
        const bool comparable =
            value.is_number() || value.kind() == Value::Kind::kString;
        if (!comparable || value.is_number() != values.front().is_number()) {
          return {true, std::nullopt};
        }
        const bool better = combine == v1::COMBINE_MIN ? Less(value, best)
                                                       : Less(best, value);
        if (better) best = value;
      }
      return {false, best};
    }
    case v1::COMBINE_COLLECT: {
      Value::Map map;
      for (const Part& part : parts) map = map.Set(part.name, part.value);
      return {false, Value::MakeMap(map)};
    }
    default:
      return {true, std::nullopt};
  }
}

}  // namespace

Computed Aggregate(const Rule& rule, const Tree& source) {
  std::map<std::string, std::vector<Part>> groups;
  if (source.has_value() && source->is_map()) {
    for (auto it = source->as_map().begin(); !it.at_end(); ++it) {
      if (it->key == kOwnValueKey) continue;
      const auto group = GroupOf(rule.group_by, it->key, it->value);
      const Tree value = Taken(rule.each, it->value);
      if (!group.has_value() || !value.has_value()) continue;
      groups[*group].push_back({it->key, *value});
    }
  }
  const bool grouped = rule.group_by != GroupBy::kNone;
  if (groups.empty()) {
    if (rule.combine != v1::COMBINE_COUNT && rule.combine != v1::COMBINE_SUM) {
      return {};
    }
    return {false, grouped ? Value::EmptyMap() : Value::Int(0)};
  }
  Value::Map results;
  for (const auto& [group, parts] : groups) {
    Computed computed = Combined(rule.combine, parts);
    if (computed.failed || !grouped) return computed;
    results = results.Set(group, *computed.value);
  }
  return {false, Value::MakeMap(results)};
}

}  // namespace restate::test
