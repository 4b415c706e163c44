#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
#include "engine/lua/lua_call.h"
#include "engine/path/utf8.h"

namespace restate {
namespace {

// Their addresses are keys and values that nothing else can have.
const char kNull = 0;
const char kBoxMetatables[4] = {};
const char kTableMetatables[4] = {};

void PushBox(lua_State* L, BoxKind kind, const Value& value) {
  auto* box =
      static_cast<ValueBox*>(lua_newuserdatauv(L, sizeof(ValueBox), 0));
  *box = {kind, &value};
  PushMetatable(L, kind);
  lua_setmetatable(L, -2);
}

// Makes a value of what is on the stack.
class ResultReader {
 public:
  explicit ResultReader(lua_State* L) : L_(L) {}

  // What is read: part of the tree; what stands under "/", which must be a leaf;
  // or part of a list, which is a leaf, in which keys are free.
  enum class Role { kNode, kOwnValue, kInList };

  // `levels`: how deep lists and maps may still nest.
  Value Read(int index, size_t levels, Role role) {
    CountNode(L_);
    index = lua_absindex(L_, index);
    switch (lua_type(L_, index)) {
      case LUA_TBOOLEAN:
        return Value::Bool(lua_toboolean(L_, index) != 0);
      case LUA_TNUMBER:
        if (lua_isinteger(L_, index)) {
          return Value::Int(lua_tointeger(L_, index));
        }
        return Value::Double(lua_tonumber(L_, index));
      case LUA_TSTRING:
        return ReadString(index);
      case LUA_TLIGHTUSERDATA:
        if (IsNull(L_, index)) return Value::Null();
        break;
      case LUA_TUSERDATA:
        return ReadBox(index);
      case LUA_TTABLE:
        return ReadTable(index, levels, role);
    }
    Fail(absl::StrCat("is a ", TypeName(L_, index), ", which is no value"));
  }

 private:
  [[noreturn]] void Fail(const std::string& what) {
    luaL_error(L_, "the result%s%s %s", where_.empty() ? "" : " at ",
               where_.c_str(), what.c_str());
    std::abort();  // luaL_error does not return.
  }

  Value ReadString(int index) {
    const std::string_view text = StringAt(L_, index);
    CountResultBytes(L_, text.size());
    if (!IsValidUtf8(text)) {
      Fail("is a string that is not UTF-8: make bytes(...) of it");
    }
    return Value::String(std::string(text));
  }

  Value ReadBox(int index) {
    const ValueBox* box = BoxAt(L_, index);
    if (box->kind == BoxKind::kIterator) Fail("is no value");
    if (box->value != nullptr) return *box->value;
    const std::string_view content = BytesAt(L_, index);
    CountResultBytes(L_, content.size());
    return Value::Bytes(std::string(content));
  }

  Value ReadTable(int index, size_t levels, Role role) {
    luaL_checkstack(L_, 8, nullptr);
    TableKind kind = TableKindAt(L_, index);
    if (kind == TableKind::kLibrary) Fail("is a library, which is no value");
    const lua_Integer items = CountItems(index, &kind);
    if (kind == TableKind::kList) return ReadList(index, items, levels);
    if (role == Role::kOwnValue) FailOwnValue();
    return ReadMap(index, levels, role == Role::kInList);
  }

  // The last level of all may be an empty map: it is a node, as a leaf is.
  void CheckLevels(size_t levels) {
    if (levels > 0) return;
    Fail(absl::StrCat("nests deeper than ", kMaxDepth, " levels"));
  }

  [[noreturn]] void FailOwnValue() {
    Fail("is a map; under the key \"/\" stands the node's own value, which must "
         "be none");
  }

  // Looks at all keys. Gives their number, and makes a plain table a list or a
  // map.
  lua_Integer CountItems(int index, TableKind* kind) {
    lua_Integer names = 0;
    lua_Integer numbers = 0;
    lua_Integer highest = 0;
    lua_pushnil(L_);
    while (lua_next(L_, index) != 0) {
      lua_pop(L_, 1);
      Charge(L_, 1);
      if (lua_type(L_, -1) == LUA_TSTRING) {
        ++names;
      } else if (lua_isinteger(L_, -1) && lua_tointeger(L_, -1) >= 1) {
        ++numbers;
        highest = std::max(highest, lua_tointeger(L_, -1));
      } else {
        Fail("has a key that is neither a string nor a whole number from 1 on");
      }
    }
    if (numbers > 0 && (names > 0 || *kind == TableKind::kMap)) {
      Fail("has both names and numbers as keys: a list has 1 to n, a map has "
           "strings");
    }
    if (names > 0 && *kind == TableKind::kList) {
      Fail("is a list with names as keys");
    }
    if (highest != numbers) {
      Fail("is a list with holes: put null where nothing is");
    }
    if (*kind == TableKind::kPlain) {
      *kind = numbers > 0 ? TableKind::kList : TableKind::kMap;
    }
    return numbers;
  }

  Value ReadList(int index, lua_Integer items, size_t levels) {
    CheckLevels(levels);
    Value::List list;
    list.reserve(items);
    const size_t here = where_.size();
    for (lua_Integer i = 1; i <= items; ++i) {
      absl::StrAppend(&where_, "[", i, "]");
      lua_rawgeti(L_, index, i);
      list.push_back(Read(-1, levels - 1, Role::kInList));
      lua_pop(L_, 1);
      where_.resize(here);
    }
    return Value::MakeList(std::move(list));
  }

  Value ReadMap(int index, size_t levels, bool in_list) {
    if (in_list) CheckLevels(levels);
    std::vector<std::pair<std::string, Value>> entries;
    const size_t here = where_.size();
    lua_pushnil(L_);
    while (lua_next(L_, index) != 0) {
      std::string key(StringAt(L_, -2));
      CountResultBytes(L_, key.size());
      CheckKey(key, in_list);
      absl::StrAppend(&where_, "/", key);
      Value value = ReadEntry(key, levels, in_list);
      entries.emplace_back(std::move(key), std::move(value));
      lua_pop(L_, 1);
      where_.resize(here);
    }
    if (!in_list && entries.size() == 1 && entries[0].first == kOwnValueKey) {
      return std::move(entries[0].second);
    }
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    Value::Map::Builder builder;
    for (auto& [key, value] : entries) {
      builder.Append(std::move(key), std::move(value));
    }
    return Value::MakeMap(builder.Finish());
  }

  // The value at the top, at `key` of a map.
  Value ReadEntry(std::string_view key, size_t levels, bool in_list) {
    if (in_list) return Read(-1, levels - 1, Role::kInList);
    if (key == kOwnValueKey) {
      Value own = Read(-1, levels, Role::kOwnValue);
      if (own.is_map()) FailOwnValue();
      return own;
    }
    CheckLevels(levels);
    return Read(-1, levels - 1, Role::kNode);
  }

  void CheckKey(const std::string& key, bool in_list) {
    if (in_list) {
      if (!IsValidUtf8(key)) {
        Fail(absl::StrCat("has the key ", Quoted(key), ", which is not UTF-8"));
      }
      return;
    }
    if (key == kOwnValueKey) return;
    const absl::Status status = ValidateSegment(key);
    if (status.ok()) return;
    Fail(absl::StrCat("has a key that is no path segment: ",
                      status.message()));
  }

  lua_State* const L_;
  // The place in the result, for messages: "/a[1]/b".
  std::string where_;
};

}  // namespace

void Charge(lua_State* L, int64_t instructions) {
  if (!CallOf(L).meter.Charge(instructions)) {
    luaL_error(L, "out of instructions");
  }
}

void ChargeComparisons(lua_State* L, int64_t comparisons) {
  if (!CallOf(L).meter.ChargeComparisons(comparisons)) {
    luaL_error(L, "out of instructions");
  }
}

void CountNode(lua_State* L) {
  if (!CallOf(L).meter.CountNode()) luaL_error(L, "too many nodes");
}

void CountResultBytes(lua_State* L, size_t bytes) {
  if (!CallOf(L).meter.CountResultBytes(bytes)) {
    luaL_error(L, "the result is too large");
  }
}

void MakeMetatables(lua_State* L) {
  constexpr const char* kNames[] = {"bytes", "list", "map", "iterator"};
  for (int i = 0; i < 4; ++i) {
    lua_newtable(L);
    lua_pushstring(L, kNames[i]);
    lua_setfield(L, -2, "__name");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &kBoxMetatables[i]);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &kTableMetatables[i]);
  }
}

void PushMetatable(lua_State* L, BoxKind kind) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kBoxMetatables[static_cast<int>(kind)]);
}

void PushMetatable(lua_State* L, TableKind kind) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kTableMetatables[static_cast<int>(kind)]);
}

void PushNull(lua_State* L) {
  lua_pushlightuserdata(L, const_cast<char*>(&kNull));
}

bool IsNull(lua_State* L, int index) {
  return lua_type(L, index) == LUA_TLIGHTUSERDATA &&
         lua_touserdata(L, index) == &kNull;
}

ValueBox* BoxAt(lua_State* L, int index) {
  if (lua_type(L, index) != LUA_TUSERDATA) return nullptr;
  return static_cast<ValueBox*>(lua_touserdata(L, index));
}

std::string_view BytesAt(lua_State* L, int index) {
  const ValueBox* box = BoxAt(L, index);
  if (box->value != nullptr) return box->value->as_bytes();
  lua_getiuservalue(L, index, 1);
  // The box keeps the string alive.
  const std::string_view content = StringAt(L, -1);
  lua_pop(L, 1);
  return content;
}

TableKind TableKindAt(lua_State* L, int index) {
  if (lua_getmetatable(L, index) == 0) return TableKind::kPlain;
  TableKind found = TableKind::kLibrary;
  for (TableKind kind : {TableKind::kList, TableKind::kMap}) {
    PushMetatable(L, kind);
    if (lua_rawequal(L, -1, -2) != 0) found = kind;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return found;
}

const char* TypeName(lua_State* L, int index) {
  switch (lua_type(L, index)) {
    case LUA_TLIGHTUSERDATA:
      return "null";
    case LUA_TUSERDATA: {
      constexpr const char* kNames[] = {"bytes", "list", "map", "iterator"};
      return kNames[static_cast<int>(BoxAt(L, index)->kind)];
    }
    case LUA_TTABLE: {
      const TableKind kind = TableKindAt(L, index);
      if (kind == TableKind::kList) return "list";
      if (kind == TableKind::kMap) return "map";
      return "table";
    }
    default:
      return luaL_typename(L, index);
  }
}

std::string_view StringAt(lua_State* L, int index) {
  size_t size = 0;
  const char* data = lua_tolstring(L, index, &size);
  return std::string_view(data, size);
}

void PushValue(lua_State* L, const Value& value) {
  CountNode(L);
  switch (value.kind()) {
    case Value::Kind::kNull:
      PushNull(L);
      return;
    case Value::Kind::kBool:
      lua_pushboolean(L, value.as_bool() ? 1 : 0);
      return;
    case Value::Kind::kInt:
      lua_pushinteger(L, value.as_int());
      return;
    case Value::Kind::kDouble:
      lua_pushnumber(L, value.as_double());
      return;
    case Value::Kind::kString:
      lua_pushlstring(L, value.as_string().data(), value.as_string().size());
      return;
    case Value::Kind::kBytes:
      PushBox(L, BoxKind::kBytes, value);
      return;
    case Value::Kind::kList:
      PushBox(L, BoxKind::kList, value);
      return;
    case Value::Kind::kMap:
      PushBox(L, BoxKind::kMap, value);
      return;
  }
}

void PushTree(lua_State* L, const Tree& tree) {
  if (tree.has_value()) {
    PushValue(L, *tree);
  } else {
    lua_pushnil(L);
  }
}

Tree ReadTree(lua_State* L, int index) {
  if (lua_isnil(L, index)) return Tree();
  return ResultReader(L).Read(index, kMaxDepth, ResultReader::Role::kNode);
}

void PushText(lua_State* L, int index) {
  index = lua_absindex(L, index);
  switch (lua_type(L, index)) {
    case LUA_TNUMBER:
      lua_pushvalue(L, index);
      lua_tolstring(L, -1, nullptr);
      return;
    case LUA_TSTRING:
      lua_pushvalue(L, index);
      return;
    case LUA_TBOOLEAN:
      lua_pushstring(L, lua_toboolean(L, index) != 0 ? "true" : "false");
      return;
    default:
      lua_pushstring(L, TypeName(L, index));
  }
}

}  // namespace restate
