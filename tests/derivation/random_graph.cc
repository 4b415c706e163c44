#include "tests/derivation/random_graph.h"

#include <iterator>
#include <limits>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "engine/tree/tree.h"

namespace restate::test {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

constexpr double kDoubles[] = {
    1e16, 1, -1e16, 0.1, -0.5, 4.9e-324, -4.9e-324, 1.5e-310, 1e300, -1e300,
    3.0000000000000004, std::numeric_limits<double>::infinity()};
constexpr int64_t kLargeIntegers[] = {
    (int64_t{1} << 53) + 1, -(int64_t{1} << 53) - 1, 6'000'000'000'000'000'000};

}  // namespace

const std::vector<Path>& Destinations() {
  static const auto* const kDestinations = new std::vector<Path>{
      P("/d0"),      P("/d1"),    P("/d2"),      P("/s0/d0"),   P("/s1/d1"),
      P("/s2/d0"),   P("/s0/a/d1"), P("/d0/k0"), P("/d1/in/x"), P("/s1/d1/a"),
  };
  return *kDestinations;
}

Path RandomGraph::RandomDestination() {
  return Destinations()[Below(Destinations().size())];
}

Path RandomGraph::RandomClientPath() {
  static constexpr std::string_view kNames[] = {"a", "b", "c"};
  Path path = Path().Child(absl::StrCat("s", Below(3)));
  for (uint64_t depth = Below(3); depth > 0; --depth) {
    path = path.Child(kNames[Below(3)]);
  }
  return path;
}

Path RandomGraph::RandomSource(const Rules& rules) {
  if (Chance(6)) return Path();
  if (rules.empty() || !Chance(50)) return RandomClientPath();
  const auto rule = std::next(
      rules.begin(), static_cast<std::ptrdiff_t>(Below(rules.size())));
  if (Chance(80)) return rule->first;
  return rule->first.Child(Chance(50) ? "k0" : "a");
}

Rule RandomGraph::RandomRule(const Path& dest, const Rules& rules) {
  Rule rule;
  rule.dest = dest;
  rule.call_when_absent = Chance(35);
  if (options_.failure_policies) {
    static constexpr v1::OnError kPolicies[] = {
        v1::ON_ERROR_ABSENT, v1::ON_ERROR_ABSENT, v1::ON_ERROR_KEEP_LAST,
        v1::ON_ERROR_FAIL_WRITE};
    rule.on_error = kPolicies[Below(4)];
  }
  const uint64_t kind = Below(100);
  size_t sources = 1 + Below(3);
  if (kind < 38) {
    rule.runs = Rule::Runs::kAggregate;
    rule.combine = static_cast<v1::Combine>(1 + Below(6));
    rule.each = Chance(60) ? Each::kNumbers
                           : Chance(50) ? Each::kChild : Each::kFieldA;
    if (Chance(35)) rule.group_by = static_cast<GroupBy>(1 + Below(3));
    sources = 1;
  } else if (kind < 50) {
    rule.runs = Rule::Runs::kTracked;
    rule.call_when_absent = false;
    sources = 2;
  } else {
    static constexpr Body kBodies[] = {
        Body::kCopy,  Body::kGather,         Body::kSummary,
        Body::kTotal, Body::kUnlessPositive, Body::kNoStrings};
    rule.body = kBodies[Below(6)];
    if (options_.hosted && kind < 72) {
      rule.runs = Rule::Runs::kHosted;
      rule.name = absl::StrCat("function ", names_++);
    }
  }
  for (size_t i = 0; i < sources; ++i) {
    rule.sources.push_back(RandomSource(rules));
  }
  return rule;
}

Value RandomGraph::RandomLeaf() {
  switch (Below(10)) {
    case 0:
      return Value::Null();
    case 1:
    case 2:
    case 3:
      return Value::Double(kDoubles[Below(std::size(kDoubles))]);
    case 4:
      return Value::Int(kLargeIntegers[Below(std::size(kLargeIntegers))]);
    case 5:
      return Value::String(absl::StrCat("t", Below(3)));
    case 6:
      return Chance(50) ? Value::Bool(Chance(50))
                        : Value::MakeList({Value::Int(1)});
    default:
      return Value::Int(static_cast<int64_t>(Below(20)) - 10);
  }
}

Value RandomGraph::RandomValue(int depth) {
  if (depth == 0 || Chance(50)) return RandomLeaf();
  Value::Map map;
  for (const char* name : {"a", "b", "c", "d0", "d1"}) {
    if (Chance(40)) map = map.Set(name, RandomValue(depth - 1));
  }
  if (Chance(10)) map = map.Set("/", RandomLeaf());
  return Value::MakeMap(map);
}

Operation RandomGraph::RandomOperation() {
  Path path = Chance(4)   ? Path()
              : Chance(3) ? RandomDestination()
                          : RandomClientPath();
  const bool skip_notify = options_.skip_notify && Chance(20);
  if (Chance(20)) {
    return DeleteOperation{.path = path, .skip_notify = skip_notify};
  }
  if (Chance(3)) return PingOperation{.path = path};
  SetOperation set;
  set.path = path;
  set.skip_notify = skip_notify;
  if (Chance(5)) set.equality.kind = Equality::Kind::kAlwaysWrite;
  if (path.is_root()) {
    Value::Map map;
    for (const char* top : {"s0", "s1", "s2", "d0"}) {
      if (Chance(40)) map = map.Set(top, RandomValue(2));
    }
    set.value = Value::MakeMap(map);
    if (Chance(50)) set.mode = WriteMode::kMerge;
  } else {
    set.value = RandomValue(2);
    switch (Below(10)) {
      case 0:
      case 1:
        set.mode = WriteMode::kMerge;
        break;
      case 2:
        set.mode = WriteMode::kIfAbsent;
        break;
      case 3:
        set.mode = WriteMode::kValue;
        set.value = RandomLeaf();
        break;
      case 4:
        set.mode = WriteMode::kAdd;
        set.value = Value::Int(static_cast<int64_t>(Below(3)));
        break;
      case 5:
        set.mode = WriteMode::kAppend;
        set.value = Value::String("y");
        break;
      default:
        break;
    }
  }
  if (set.mode != WriteMode::kMerge) {
    set.value = *tree::Canonicalize(set.value, path, {});
  }
  return set;
}

std::vector<Operation> RandomGraph::RandomOperations() {
  std::vector<Operation> operations;
  for (uint64_t n = 1 + Below(3); n > 0; --n) {
    operations.push_back(RandomOperation());
  }
  return operations;
}

}  // namespace restate::test
