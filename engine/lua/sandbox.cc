#include <initializer_list>

#include "engine/lua/lua_call.h"

namespace restate {
namespace {

// Its address is a key in the registry.
const char kEnvironmentMetatableKey = 0;

int RefuseWrite(lua_State* L) {
  return luaL_error(L, "the libraries are read-only");
}

// Replaces the table at the top by an empty one through which it can be read
// and not be changed.
void Freeze(lua_State* L) {
  lua_newtable(L);
  lua_newtable(L);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, RefuseWrite);
  lua_setfield(L, -2, "__newindex");
  lua_setmetatable(L, -2);
  lua_remove(L, -2);
}

// Pushes the table of a standard library.
void OpenStandard(lua_State* L, lua_CFunction open) {
  lua_pushcfunction(L, open);
  lua_call(L, 0, 1);
}

// Puts the table at the top, frozen, into `base`.
void AddLibrary(lua_State* L, int base, const char* name) {
  Freeze(L);
  lua_setfield(L, base, name);
}

void AddBaseFunctions(lua_State* L, int base) {
  // Opens into the globals; whatever is not taken from there here is gone.
  OpenStandard(L, luaopen_base);
  for (const char* name : {"assert", "error", "ipairs", "select", "tonumber"}) {
    lua_getfield(L, -1, name);
    lua_setfield(L, base, name);
  }
  lua_getfield(L, -1, "error");
  CallOf(L).error_function = lua_tocfunction(L, -1);
  lua_pop(L, 2);
  lua_newtable(L);
  lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}

void AddStrings(lua_State* L, int base) {
  // Gives strings a metatable, by which the user's functions are found too.
  OpenStandard(L, luaopen_string);
  ReplaceStringLibrary(L);
  lua_pushliteral(L, "");
  lua_getmetatable(L, -1);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 2);
  AddLibrary(L, base, "string");
}

void AddMath(lua_State* L, int base) {
  OpenStandard(L, luaopen_math);
  for (const char* name : {"random", "randomseed"}) {
    lua_pushnil(L);
    lua_setfield(L, -2, name);
  }
  AddLibrary(L, base, "math");
}

}  // namespace

void OpenSandbox(lua_State* L) {
  MakeMetatables(L);
  lua_newtable(L);
  const int base = lua_gettop(L);
  AddBaseFunctions(L, base);
  AddStrings(L, base);
  AddMath(L, base);
  OpenStandard(L, luaopen_table);
  ReplaceTableLibrary(L);
  AddLibrary(L, base, "table");
  OpenStandard(L, luaopen_utf8);
  ReplaceUtf8Library(L);
  AddLibrary(L, base, "utf8");
  AddValueFunctions(L);

  // What an environment falls back on.
  lua_newtable(L);
  lua_pushvalue(L, base);
  lua_setfield(L, -2, "__index");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &kEnvironmentMetatableKey);
  lua_pop(L, 1);
}

void PushEnvironment(lua_State* L) {
  lua_newtable(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kEnvironmentMetatableKey);
  lua_setmetatable(L, -2);
}

}  // namespace restate
