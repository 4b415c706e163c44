#ifndef RESTATE_ENGINE_LUA_LUA_CALL_H_
#define RESTATE_ENGINE_LUA_LUA_CALL_H_

// What the functions that Lua calls share. They are C++ on both sides: Lua's
// errors are exceptions here (//bazel/system:lua), which nobody but Lua may
// catch, and objects on their way are destroyed.

#include <deque>
#include <lua5.4/lua.hpp>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "engine/lua/call_meter.h"
#include "engine/lua/lua_runtime.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"
#include "engine/value/value.h"

namespace restate {

// The call that a machine is in.
struct LuaCall {
  CallMeter meter;
  // Null where get is not to be had.
  const LuaReader* reader = nullptr;
  std::set<Path> reads;
  // What get read; views point into it.
  std::deque<Value> kept;
  // Why the call ended, where a status says so.
  absl::Status failure;
  // The function called error, which says itself where an error is.
  lua_CFunction error_function = nullptr;
  // Where an error was raised; 0 if that is not known.
  int error_line = 0;
};

inline LuaCall& CallOf(lua_State* L) {
  return **static_cast<LuaCall**>(lua_getextraspace(L));
}

// These raise an error that ends the call when its budget is used up.
void Charge(lua_State* L, int64_t instructions);
void ChargeComparisons(lua_State* L, int64_t comparisons);
void CountNode(lua_State* L);
void CountResultBytes(lua_State* L, size_t bytes);

// --- Values (lua_values.cc) ---

// What a full userdata is. Users can make none of their own, and reach no
// metatable, so the first member of each is this.
enum class BoxKind { kBytes, kList, kMap, kIterator };

// Bytes, or a list or map of the tree, as it stands there: read-only. `value`
// lives until the call ends. Bytes made by the user have none, but a string as
// their user value.
struct ValueBox {
  BoxKind kind;
  const Value* value;
};

// Where a loop over a map is.
struct IteratorBox {
  BoxKind kind;
  Value::Map::Iterator next;
};

// What tells tables apart that the user made with list{} and map{}.
enum class TableKind { kPlain, kList, kMap, kLibrary };

// Makes the metatables of boxes and of tables; `methods` of each are added by
// value_functions.cc.
void MakeMetatables(lua_State* L);
// Pushes the metatable of a kind of box or table.
void PushMetatable(lua_State* L, BoxKind kind);
void PushMetatable(lua_State* L, TableKind kind);

void PushNull(lua_State* L);
bool IsNull(lua_State* L, int index);
// The box at `index`, or null.
ValueBox* BoxAt(lua_State* L, int index);
// The content of bytes.
std::string_view BytesAt(lua_State* L, int index);
// REQUIRES: a table.
TableKind TableKindAt(lua_State* L, int index);
// "nil", "null", "boolean", "number", "string", "bytes", "list", "map",
// "table" or "function".
const char* TypeName(lua_State* L, int index);
std::string_view StringAt(lua_State* L, int index);

// Pushes a value; lists, maps and bytes as views, so it must live until the
// call ends. Counts a node.
void PushValue(lua_State* L, const Value& value);
void PushTree(lua_State* L, const Tree& tree);
// The value at `index`, or nothing for nil. Raises an error if it is none.
Tree ReadTree(lua_State* L, int index);

// Pushes a text for what is at `index` that is the same each time.
void PushText(lua_State* L, int index);

// --- What the user finds ---

struct NamedFunction {
  const char* name;
  lua_CFunction function;
};

// type, tostring, list, map, bytes, pairs, next and get into the table at the
// top; the metamethods of views into their metatables.
void AddValueFunctions(lua_State* L);
// Each takes the standard library's table from the top and pushes the user's.
void ReplaceStringLibrary(lua_State* L);
void ReplaceTableLibrary(lua_State* L);
void ReplaceUtf8Library(lua_State* L);

// Makes all that the user finds; a call's environment falls back on it.
// REQUIRES: a new state. Raises errors for lack of memory.
void OpenSandbox(lua_State* L);
// Pushes a new environment.
void PushEnvironment(lua_State* L);

}  // namespace restate

#endif  // RESTATE_ENGINE_LUA_LUA_CALL_H_
