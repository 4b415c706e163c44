#include "tests/watch/random_writes.h"

#include <string_view>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "engine/tree/tree.h"
#include "engine/value/value_proto.h"

namespace restate::test {
namespace {

constexpr std::string_view kNames[] = {"a", "b", "c"};

v1::WriteMode ModeOf(WriteMode mode) {
  switch (mode) {
    case WriteMode::kSet:
      return v1::WRITE_MODE_SET;
    case WriteMode::kValue:
      return v1::WRITE_MODE_VALUE;
    case WriteMode::kMerge:
      return v1::WRITE_MODE_MERGE;
    case WriteMode::kIfAbsent:
      return v1::WRITE_MODE_IF_ABSENT;
    case WriteMode::kAdd:
      return v1::WRITE_MODE_ADD;
    case WriteMode::kAppend:
      return v1::WRITE_MODE_APPEND;
  }
  return v1::WRITE_MODE_UNSPECIFIED;
}

}  // namespace

Path RandomWrites::RandomPath() {
  Path path = Path().Child("s");
  for (uint64_t depth = Roll(4); depth > 0; --depth) {
    path = path.Child(kNames[Roll(3)]);
  }
  return path;
}

Value RandomWrites::RandomLeaf() {
  switch (Roll(8)) {
    case 0:
      return Value::Null();
    case 1:
      return Value::String(std::string(Roll(3), 'x'));
    case 2:
      return Value::MakeList({Value::Int(static_cast<int64_t>(Roll(3)))});
    case 3:
      // Enough of these fill a small queue.
      return Value::String(std::string(1024, static_cast<char>('a' + Roll(9))));
    default:
      return Value::Int(static_cast<int64_t>(Roll(5)));
  }
}

Value RandomWrites::RandomValue(int depth) {
  if (depth == 0 || Roll(2) == 0) return RandomLeaf();
  Value::Map map;
  for (uint64_t n = Roll(4); n > 0; --n) {
    map = Roll(6) == 0 ? map.Set("/", RandomLeaf())
                       : map.Set(kNames[Roll(3)], RandomValue(depth - 1));
  }
  return Value::MakeMap(map);
}

SetOperation RandomWrites::RandomSet() {
  SetOperation set;
  set.path = RandomPath();
  set.skip_notify = Roll(20) == 0;
  if (Roll(10) == 0) set.equality.kind = Equality::Kind::kAlwaysWrite;
  switch (Roll(8)) {
    case 0:
      set.mode = WriteMode::kValue;
      set.value = RandomLeaf();
      return set;
    case 1:
    case 2:
      set.mode = WriteMode::kMerge;
      set.value = RandomValue(2);
      return set;
    case 3:
      set.mode = WriteMode::kIfAbsent;
      break;
    default:
      if (Roll(12) == 0) set.default_value = Value::Int(7);
      break;
  }
  set.value = *tree::Canonicalize(RandomValue(2), set.path, {});
  return set;
}

Operation RandomWrites::RandomOperation() {
  switch (Roll(8)) {
    case 0:
      return DeleteOperation{.path = RandomPath(), .skip_notify = Roll(20) == 0};
    case 1:
      return PingOperation{.path = RandomPath()};
    default:
      return RandomSet();
  }
}

std::vector<Operation> RandomWrites::Next() {
  std::vector<Operation> operations;
  for (uint64_t n = Roll(3) == 0 ? 2 + Roll(6) : 1; n > 0; --n) {
    operations.push_back(RandomOperation());
  }
  const auto* set = std::get_if<SetOperation>(&operations.front());
  const auto* erase = std::get_if<DeleteOperation>(&operations.front());
  if (operations.size() > 1 || (set != nullptr && set->skip_notify) ||
      (erase != nullptr && erase->skip_notify)) {
    operations.push_back(PingOperation{
        .path = Path().Child("log").Child(absl::StrCat(writer_))});
  }
  return operations;
}

v1::CommitRequest ToMessage(const std::vector<Operation>& operations,
                            const std::string& payload) {
  v1::CommitRequest request;
  for (const Operation& operation : operations) {
    v1::Operation* const step = request.add_operations();
    if (const auto* set = std::get_if<SetOperation>(&operation)) {
      v1::SetOperation* const proto = step->mutable_set();
      proto->mutable_path()->set_text(set->path.ToText());
      ToProto(set->value, proto->mutable_value());
      proto->set_mode(ModeOf(set->mode));
      if (set->equality.kind == Equality::Kind::kAlwaysWrite) {
        proto->mutable_equality()->set_mode(
            v1::EQUALITY_MODE_ALWAYS_WRITE);
      }
      if (set->default_value.has_value()) {
        ToProto(*set->default_value, proto->mutable_default_value());
      }
      proto->set_skip_notify(set->skip_notify);
      proto->mutable_payload()->set_string_value(payload);
    } else if (const auto* erase = std::get_if<DeleteOperation>(&operation)) {
      v1::DeleteOperation* const proto = step->mutable_delete_();
      proto->mutable_path()->set_text(erase->path.ToText());
      proto->set_skip_notify(erase->skip_notify);
      proto->mutable_payload()->set_string_value(payload);
    } else {
      v1::PingOperation* const proto = step->mutable_ping();
      proto->mutable_path()->set_text(
          std::get<PingOperation>(operation).path.ToText());
      proto->mutable_payload()->set_string_value(payload);
    }
  }
  return request;
}

}  // namespace restate::test
