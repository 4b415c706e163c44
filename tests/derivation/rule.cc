#include "tests/derivation/rule.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "tests/support/json.h"

namespace restate::test {
namespace {

constexpr char kTotalSource[] = R"(
local function total(value)
  if type(value) == 'number' then return value end
  local sum = 0
  if type(value) == 'map' then
    for _, child in pairs(value) do sum = sum + total(child) end
  end
  return sum
end
local sum = 0
)";

std::string LuaOf(Body body, size_t sources) {
  std::string text;
  switch (body) {
    case Body::kCopy:
      return "x0";
    case Body::kUnlessPositive:
      return "if type(x0) == 'number' and x0 > 0 then return nil end\n"
             "return x0";
    case Body::kNoStrings:
      return "if type(x0) == 'string' then error('a string') end\n"
             "return x0";
    case Body::kTotal:
      text = kTotalSource;
      for (size_t i = 0; i < sources; ++i) {
        absl::StrAppend(&text, "sum = sum + total(x", i, ")\n");
      }
      return text + "return sum";
    case Body::kGather:
    case Body::kSummary:
      text = "local t = {}\n";
      for (size_t i = 0; i < sources; ++i) {
        absl::StrAppend(&text, "t.k", i, " = x", i, "\n");
        if (body == Body::kGather) continue;
        absl::StrAppend(&text, "if type(x", i, ") == 'map' then t.k", i,
                        " = #x", i, " end\n");
      }
      return text + "return t";
  }
  return "";
}

std::string LuaOf(Each each) {
  switch (each) {
    case Each::kChild:
      return "";
    case Each::kNumbers:
      return "math.type(value) and value or nil";
    case Each::kFieldA:
      return "type(value) == 'map' and value.a or nil";
  }
  return "";
}

std::string LuaOf(GroupBy group_by) {
  switch (group_by) {
    case GroupBy::kNone:
      return "";
    case GroupBy::kType:
      return "type(value)";
    case GroupBy::kSign:
      return "math.type(value) and (value > 0 and 'more' or 'less') or nil";
    case GroupBy::kFirstLetter:
      return "string.sub(key, 1, 1)";
  }
  return "";
}

// As Lua adds: integers wrap around.
Value Add(const Value& a, const Value& b) {
  if (a.kind() == Value::Kind::kInt && b.kind() == Value::Kind::kInt) {
    return Value::Int(static_cast<int64_t>(static_cast<uint64_t>(a.as_int()) +
                                           static_cast<uint64_t>(b.as_int())));
  }
  const auto number = [](const Value& value) {
    return value.kind() == Value::Kind::kInt
               ? static_cast<double>(value.as_int())
               : value.as_double();
  };
  return Value::Double(number(a) + number(b));
}

Value Total(const Tree& tree) {
  if (!tree.has_value()) return Value::Int(0);
  if (tree->is_number()) return *tree;
  Value sum = Value::Int(0);
  if (!tree->is_map()) return sum;
  for (auto it = tree->as_map().begin(); !it.at_end(); ++it) {
    sum = Add(sum, Total(it->value));
  }
  return sum;
}

int64_t Entries(const Value& map) {
  int64_t entries = 0;
  for (auto it = map.as_map().begin(); !it.at_end(); ++it) ++entries;
  return entries;
}

}  // namespace

v1::DeriveRequest Rule::ToRequest(const std::string& session_id) const {
  v1::DeriveRequest request;
  request.mutable_dest()->set_text(dest.ToText());
  if (runs != Runs::kTracked) {
    for (const Path& source : sources) {
      request.add_sources()->set_text(source.ToText());
    }
  }
  switch (runs) {
    case Runs::kLua:
      for (size_t i = 0; i < sources.size(); ++i) {
        request.mutable_lua()->add_parameters(absl::StrCat("x", i));
      }
      request.mutable_lua()->set_source(LuaOf(body, sources.size()));
      break;
    case Runs::kTracked:
      request.mutable_lua()->set_source(absl::StrCat(
          "local x = get('", sources[0].ToText(),
          "')\nif type(x) == 'map' then return {n = get('",
          sources[1].ToText(), "')} end\nreturn x"));
      break;
    case Runs::kAggregate:
      request.mutable_aggregate()->set_each(LuaOf(each));
      request.mutable_aggregate()->set_combine(combine);
      request.mutable_aggregate()->set_group_by(LuaOf(group_by));
      break;
    case Runs::kHosted:
      request.mutable_hosted()->set_name(name);
      request.mutable_hosted()->set_session_id(session_id);
      break;
  }
  request.set_call_when_absent(call_when_absent);
  request.set_on_error(on_error);
  return request;
}

std::string Rule::ToText() const {
  return absl::StrCat(ToJson(ToRequest("")), " body ", static_cast<int>(body));
}

Computed Call(Body body, const std::vector<Tree>& sources) {
  const Tree& first = sources.front();
  switch (body) {
    case Body::kCopy:
      return {false, first};
    case Body::kUnlessPositive: {
      const bool positive =
          first.has_value() && first->is_number() &&
          (first->kind() == Value::Kind::kInt ? first->as_int() > 0
                                              : first->as_double() > 0);
      return {false, positive ? Tree() : first};
    }
    case Body::kNoStrings:
      if (first.has_value() && first->kind() == Value::Kind::kString) {
        return {true, std::nullopt};
      }
      return {false, first};
    case Body::kTotal: {
      Value sum = Value::Int(0);
      for (const Tree& source : sources) sum = Add(sum, Total(source));
      return {false, sum};
    }
    case Body::kGather:
    case Body::kSummary: {
      Value::Map map;
      for (size_t i = 0; i < sources.size(); ++i) {
        if (!sources[i].has_value()) continue;
        const bool counted = body == Body::kSummary && sources[i]->is_map();
        map = map.Set(absl::StrCat("k", i),
                      counted ? Value::Int(Entries(*sources[i])) : *sources[i]);
      }
      return {false, Value::MakeMap(map)};
    }
  }
  return {};
}

}  // namespace restate::test
