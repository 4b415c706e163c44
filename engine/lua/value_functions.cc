#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <initializer_list>
#include <new>
#include <string>
#include <vector>

#include "engine/error/absl_view.h"
#include "engine/lua/lua_call.h"
#include "engine/path/utf8.h"

namespace restate {
namespace {

using List = Value::List;
using Map = Value::Map;

// What a read by get costs beside its own instructions.
constexpr int64_t kGetInstructions = 100;

int ReturnNil(lua_State* L) {
  lua_pushnil(L);
  return 1;
}

// --- Views: their metamethods, called by Lua with a view first ---

const Value& ViewAt(lua_State* L, int index) { return *BoxAt(L, index)->value; }

int IndexMap(lua_State* L) {
  if (lua_type(L, 2) != LUA_TSTRING) return 0;
  const Value* found = ViewAt(L, 1).as_map().Find(StringAt(L, 2));
  if (found == nullptr) return 0;
  PushValue(L, *found);
  return 1;
}

int IndexList(lua_State* L) {
  const List& list = ViewAt(L, 1).as_list();
  int is_integer = 0;
  const lua_Integer i = lua_type(L, 2) == LUA_TNUMBER
                            ? lua_tointegerx(L, 2, &is_integer)
                            : 0;
  if (i < 1 || static_cast<uint64_t>(i) > list.size()) return 0;
  PushValue(L, list[i - 1]);
  return 1;
}

int LengthOfView(lua_State* L) {
  const Value& value = ViewAt(L, 1);
  lua_pushinteger(L, static_cast<lua_Integer>(value.is_map()
                                                  ? value.as_map().size()
                                                  : value.as_list().size()));
  return 1;
}

int LengthOfBytes(lua_State* L) {
  lua_pushinteger(L, static_cast<lua_Integer>(BytesAt(L, 1).size()));
  return 1;
}

int RefuseWrite(lua_State* L) {
  return luaL_error(L,
                    "arguments are read-only: copy with list(v) or map(v), then "
                    "change the copy");
}

// By content. Lua asks only when both are boxes.
int Equal(lua_State* L) {
  const ValueBox* a = BoxAt(L, 1);
  const ValueBox* b = BoxAt(L, 2);
  bool equal = a->kind == b->kind;
  if (equal && a->kind == BoxKind::kBytes) {
    Charge(L, 1 + static_cast<int64_t>(BytesAt(L, 1).size() / 1024));
    equal = BytesAt(L, 1) == BytesAt(L, 2);
  } else if (equal && a->value != b->value) {
    const size_t enough =
        static_cast<size_t>(CallOf(L).meter.budget().instructions) * 16;
    Charge(L, 1 + static_cast<int64_t>(a->value->ByteSize(enough) / 16));
    equal = *a->value == *b->value;
  }
  lua_pushboolean(L, equal ? 1 : 0);
  return 1;
}

// bytes:raw() -> the same bytes as a string of Lua's.
int Raw(lua_State* L) {
  const ValueBox* box = BoxAt(L, 1);
  luaL_argcheck(L, box != nullptr && box->kind == BoxKind::kBytes, 1,
                "bytes expected");
  const std::string_view content = BytesAt(L, 1);
  lua_pushlstring(L, content.data(), content.size());
  return 1;
}

int DestroyIterator(lua_State* L) {
  auto* box = static_cast<IteratorBox*>(lua_touserdata(L, 1));
  box->next.~Iterator();
  return 0;
}

// --- Loops ---

// Where a key of a plain table stands in the order: numbers, strings, false,
// true.
struct Key {
  enum Rank { kNumber, kString, kBool } rank;
  bool is_integer;
  lua_Integer integer;
  lua_Number number;
  std::string_view text;
};

// A float that is a key is never a whole number that fits an integer.
bool IntegerBefore(lua_Integer i, lua_Number d) {
  if (d >= 9223372036854775808.0) return true;
  if (d < -9223372036854775808.0) return false;
  return i <= static_cast<lua_Integer>(std::floor(d));
}

bool operator<(const Key& a, const Key& b) {
  if (a.rank != b.rank) return a.rank < b.rank;
  if (a.rank == Key::kString) return a.text < b.text;
  if (a.is_integer && b.is_integer) return a.integer < b.integer;
  if (a.is_integer) return IntegerBefore(a.integer, b.number);
  if (b.is_integer) return !IntegerBefore(b.integer, a.number);
  return a.number < b.number;
}

Key KeyAt(lua_State* L, int index) {
  switch (lua_type(L, index)) {
    case LUA_TNUMBER:
      if (lua_isinteger(L, index)) {
        return {Key::kNumber, true, lua_tointeger(L, index), 0, {}};
      }
      return {Key::kNumber, false, 0, lua_tonumber(L, index), {}};
    case LUA_TSTRING:
      return {Key::kString, false, 0, 0, StringAt(L, index)};
    case LUA_TBOOLEAN:
      return {Key::kBool, true, lua_toboolean(L, index), 0, {}};
  }
  luaL_error(L,
             "a table with a %s as a key has no order: use strings, numbers or "
             "booleans as keys",
             TypeName(L, index));
  std::abort();  // luaL_error does not return.
}

void PushKey(lua_State* L, const Key& key) {
  if (key.rank == Key::kString) {
    lua_pushlstring(L, key.text.data(), key.text.size());
  } else if (key.rank == Key::kBool) {
    lua_pushboolean(L, static_cast<int>(key.integer));
  } else if (key.is_integer) {
    lua_pushinteger(L, key.integer);
  } else {
    lua_pushnumber(L, key.number);
  }
}

std::vector<Key> SortedKeys(lua_State* L, int table) {
  std::vector<Key> keys;
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    lua_pop(L, 1);
    Charge(L, 1);
    // The table keeps the text alive.
    keys.push_back(KeyAt(L, -1));
  }
  int64_t comparisons = 0;
  for (size_t n = keys.size(); n > 1; n /= 2) comparisons += keys.size();
  ChargeComparisons(L, comparisons / 4);
  std::sort(keys.begin(), keys.end());
  return keys;
}

// A closure of a table, its keys, and how many of them are done. A key that is
// gone by then is left out.
int NextInTable(lua_State* L) {
  lua_Integer i = lua_tointeger(L, lua_upvalueindex(3));
  for (;;) {
    ++i;
    if (lua_rawgeti(L, lua_upvalueindex(2), i) == LUA_TNIL) return 1;
    lua_pushvalue(L, -1);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) break;
    lua_pop(L, 2);
    Charge(L, 1);
  }
  lua_pushinteger(L, i);
  lua_replace(L, lua_upvalueindex(3));
  return 2;
}

// A closure of a view, and how many items are done.
int NextInList(lua_State* L) {
  const List& list = ViewAt(L, lua_upvalueindex(1)).as_list();
  const lua_Integer done = lua_tointeger(L, lua_upvalueindex(2));
  if (static_cast<uint64_t>(done) >= list.size()) return 0;
  lua_pushinteger(L, done + 1);
  lua_pushvalue(L, -1);
  lua_replace(L, lua_upvalueindex(2));
  PushValue(L, list[done]);
  return 2;
}

// A closure of an iterator.
int NextInMap(lua_State* L) {
  auto* box =
      static_cast<IteratorBox*>(lua_touserdata(L, lua_upvalueindex(1)));
  if (box->next.at_end()) return 0;
  const Map::Entry& entry = *box->next;
  ++box->next;
  lua_pushlstring(L, entry.key.data(), entry.key.size());
  PushValue(L, entry.value);
  return 2;
}

void PushPairsOfTable(lua_State* L, int table) {
  lua_pushvalue(L, table);
  {
    const std::vector<Key> keys = SortedKeys(L, table);
    lua_createtable(L, static_cast<int>(keys.size()), 0);
    for (size_t i = 0; i < keys.size(); ++i) {
      PushKey(L, keys[i]);
      lua_rawseti(L, -2, static_cast<lua_Integer>(i) + 1);
    }
  }
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, NextInTable, 3);
}

int Pairs(lua_State* L) {
  lua_settop(L, 1);
  const ValueBox* box = BoxAt(L, 1);
  if (box != nullptr && box->kind == BoxKind::kMap) {
    auto* loop = static_cast<IteratorBox*>(
        lua_newuserdatauv(L, sizeof(IteratorBox), 0));
    new (loop) IteratorBox{BoxKind::kIterator, box->value->as_map().begin()};
    PushMetatable(L, BoxKind::kIterator);
    lua_setmetatable(L, -2);
    lua_pushcclosure(L, NextInMap, 1);
  } else if (box != nullptr && box->kind == BoxKind::kList) {
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, NextInList, 2);
  } else {
    luaL_argexpected(L, lua_type(L, 1) == LUA_TTABLE, 1, "table, list or map");
    PushPairsOfTable(L, 1);
  }
  return 1;
}

int NextOfMap(lua_State* L, const Map& map) {
  Map::Iterator it = map.begin();
  if (!lua_isnil(L, 2)) {
    luaL_checktype(L, 2, LUA_TSTRING);
    const std::string_view key = StringAt(L, 2);
    it = map.LowerBound(key);
    if (!it.at_end() && it->key == key) ++it;
  }
  if (it.at_end()) return ReturnNil(L);
  lua_pushlstring(L, it->key.data(), it->key.size());
  PushValue(L, it->value);
  return 2;
}

int NextOfList(lua_State* L, const List& list) {
  const lua_Integer last = lua_isnil(L, 2) ? 0 : luaL_checkinteger(L, 2);
  if (last < 0 || static_cast<uint64_t>(last) >= list.size()) {
    return ReturnNil(L);
  }
  lua_pushinteger(L, last + 1);
  PushValue(L, list[last]);
  return 2;
}

// next(t [, key]) -> the least key after `key`, and its value. Looks at every
// key: pairs is for loops.
int Next(lua_State* L) {
  lua_settop(L, 2);
  const ValueBox* box = BoxAt(L, 1);
  if (box != nullptr && box->kind == BoxKind::kMap) {
    return NextOfMap(L, box->value->as_map());
  }
  if (box != nullptr && box->kind == BoxKind::kList) {
    return NextOfList(L, box->value->as_list());
  }
  luaL_argexpected(L, lua_type(L, 1) == LUA_TTABLE, 1, "table, list or map");
  const bool from_start = lua_isnil(L, 2);
  const Key last = from_start ? Key() : KeyAt(L, 2);
  Key least{};
  bool found = false;
  lua_pushnil(L);
  while (lua_next(L, 1) != 0) {
    lua_pop(L, 1);
    Charge(L, 1);
    const Key key = KeyAt(L, -1);
    if (!from_start && !(last < key)) continue;
    if (found && !(key < least)) continue;
    least = key;
    found = true;
  }
  if (!found) return ReturnNil(L);
  PushKey(L, least);
  lua_pushvalue(L, -1);
  lua_rawget(L, 1);
  return 2;
}

// --- Making values ---

// Marks the table at 1, or a copy of the view there, as a list or map.
int Make(lua_State* L, TableKind kind, BoxKind view) {
  lua_settop(L, 1);
  const char* name = kind == TableKind::kList ? "list" : "map";
  const ValueBox* box = BoxAt(L, 1);
  if (lua_isnoneornil(L, 1)) {
    lua_newtable(L);
  } else if (box != nullptr && box->kind == view && kind == TableKind::kList) {
    const List& list = box->value->as_list();
    lua_createtable(L, 0, 0);
    lua_Integer i = 0;
    for (const Value& item : list) {
      Charge(L, 1);
      PushValue(L, item);
      lua_rawseti(L, -2, ++i);
    }
  } else if (box != nullptr && box->kind == view) {
    lua_createtable(L, 0, 0);
    for (auto it = box->value->as_map().begin(); !it.at_end(); ++it) {
      Charge(L, 1);
      lua_pushlstring(L, it->key.data(), it->key.size());
      PushValue(L, it->value);
      lua_rawset(L, -3);
    }
  } else {
    luaL_argexpected(L, lua_type(L, 1) == LUA_TTABLE, 1, "table");
    const TableKind is = TableKindAt(L, 1);
    if (is != TableKind::kPlain && is != kind) {
      return luaL_error(L, "a %s cannot be made a %s", TypeName(L, 1), name);
    }
  }
  PushMetatable(L, kind);
  lua_setmetatable(L, -2);
  return 1;
}

int MakeList(lua_State* L) { return Make(L, TableKind::kList, BoxKind::kList); }
int MakeMap(lua_State* L) { return Make(L, TableKind::kMap, BoxKind::kMap); }

int MakeBytes(lua_State* L) {
  lua_settop(L, 1);
  const ValueBox* box = BoxAt(L, 1);
  if (box != nullptr && box->kind == BoxKind::kBytes) return 1;
  luaL_checktype(L, 1, LUA_TSTRING);
  auto* made = static_cast<ValueBox*>(lua_newuserdatauv(L, sizeof(ValueBox), 1));
  *made = {BoxKind::kBytes, nullptr};
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  PushMetatable(L, BoxKind::kBytes);
  lua_setmetatable(L, -2);
  return 1;
}

int Type(lua_State* L) {
  luaL_checkany(L, 1);
  lua_pushstring(L, TypeName(L, 1));
  return 1;
}

int ToText(lua_State* L) {
  luaL_checkany(L, 1);
  PushText(L, 1);
  return 1;
}

// --- Reading the tree ---

// get("/path") -> what is there, or nil.
int Get(lua_State* L) {
  LuaCall& call = CallOf(L);
  if (call.reader == nullptr) {
    return luaL_error(L,
                      "get is not to be had here: name the path as a source");
  }
  luaL_checktype(L, 1, LUA_TSTRING);
  Charge(L, kGetInstructions);
  const absl::StatusOr<Path> path = Path::Parse(StringAt(L, 1));
  if (!path.ok()) {
    return luaL_error(L, "get: %s", std::string(path.status().message()).c_str());
  }
  call.reads.insert(*path);
  absl::StatusOr<Tree> read = (*call.reader)(*path);
  if (!read.ok()) {
    call.failure = read.status();
    return luaL_error(L, "get failed");
  }
  if (!read->has_value()) return ReturnNil(L);
  call.kept.push_back(**std::move(read));
  PushValue(L, call.kept.back());
  return 1;
}

void SetAll(lua_State* L, std::initializer_list<NamedFunction> functions) {
  for (const NamedFunction& named : functions) {
    lua_pushcfunction(L, named.function);
    lua_setfield(L, -2, named.name);
  }
}

}  // namespace

void AddValueFunctions(lua_State* L) {
  SetAll(L, {{"type", Type},
             {"tostring", ToText},
             {"list", MakeList},
             {"map", MakeMap},
             {"bytes", MakeBytes},
             {"pairs", Pairs},
             {"next", Next},
             {"get", Get}});
  PushNull(L);
  lua_setfield(L, -2, "null");

  PushMetatable(L, BoxKind::kMap);
  SetAll(L, {{"__index", IndexMap},
             {"__newindex", RefuseWrite},
             {"__len", LengthOfView},
             {"__eq", Equal}});
  lua_pop(L, 1);
  PushMetatable(L, BoxKind::kList);
  SetAll(L, {{"__index", IndexList},
             {"__newindex", RefuseWrite},
             {"__len", LengthOfView},
             {"__eq", Equal}});
  lua_pop(L, 1);
  PushMetatable(L, BoxKind::kBytes);
  SetAll(L, {{"__newindex", RefuseWrite},
             {"__len", LengthOfBytes},
             {"__eq", Equal}});
  lua_newtable(L);
  SetAll(L, {{"raw", Raw}});
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  PushMetatable(L, BoxKind::kIterator);
  SetAll(L, {{"__gc", DestroyIterator}});
  lua_pop(L, 1);
}

}  // namespace restate
