#include "engine/commit/arithmetic.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {
namespace {

std::string KindName(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kBool:
      return "a bool";
    case Value::Kind::kInt:
      return "an int64";
    case Value::Kind::kDouble:
      return "a double";
    case Value::Kind::kString:
      return "a string";
    case Value::Kind::kBytes:
      return "bytes";
    case Value::Kind::kList:
      return "a list";
    case Value::Kind::kMap:
      return "a map";
  }
  return "of an unknown kind";
}

absl::Status Mismatch(const Path& path, const Value& previous,
                      const char* wanted) {
  return MakeError(Reason::kKindMismatch,
                   absl::StrCat(path.ToText(), " is ",
                                KindName(previous.kind()), ", not ", wanted,
                                ": set it first, or use another mode"),
                   {{"path", path.ToText()}});
}

double AsDouble(const Value& number) {
  return number.kind() == Value::Kind::kInt
             ? static_cast<double>(number.as_int())
             : number.as_double();
}

absl::StatusOr<Value> Sized(const Path& path, Value value, size_t bytes,
                            size_t max_leaf_bytes) {
  if (bytes <= max_leaf_bytes) return value;
  return MakeError(
      Reason::kLeafTooLarge,
      absl::StrCat("appending would make ", path.ToText(), " larger than ",
                   max_leaf_bytes, " bytes: go on in another path"),
      {{"path", path.ToText()}, {"limit", absl::StrCat(max_leaf_bytes)}});
}

}  // namespace

absl::StatusOr<Value> Add(const Path& path, const Tree& previous,
                          const Value& amount) {
  if (!previous.has_value()) return amount;
  if (!previous->is_number()) return Mismatch(path, *previous, "a number");
  if (previous->kind() == Value::Kind::kInt &&
      amount.kind() == Value::Kind::kInt) {
    int64_t sum;
    if (__builtin_add_overflow(previous->as_int(), amount.as_int(), &sum)) {
      return MakeError(
          Reason::kIntegerOverflow,
          absl::StrCat("adding ", amount.as_int(), " to ", path.ToText(),
                       " (", previous->as_int(),
                       ") passes the range of int64: add a double instead"),
          {{"path", path.ToText()}});
    }
    return Value::Int(sum);
  }
  return Value::Double(AsDouble(*previous) + AsDouble(amount));
}

absl::StatusOr<Value> Append(const Path& path, const Tree& previous,
                             const Value& addition, size_t max_leaf_bytes) {
  if (!previous.has_value()) return addition;
  if (addition.kind() == Value::Kind::kList) {
    if (previous->kind() != Value::Kind::kList) {
      return Mismatch(path, *previous, "a list");
    }
    Value::List items = previous->as_list();
    items.insert(items.end(), addition.as_list().begin(),
                 addition.as_list().end());
    Value list = Value::MakeList(std::move(items));
    const size_t bytes = list.LeafBytes(max_leaf_bytes);
    return Sized(path, std::move(list), bytes, max_leaf_bytes);
  }
  if (previous->kind() != Value::Kind::kString) {
    return Mismatch(path, *previous, "a string");
  }
  std::string text = previous->as_string() + addition.as_string();
  const size_t bytes = text.size();
  return Sized(path, Value::String(std::move(text)), bytes, max_leaf_bytes);
}

}  // namespace restate
