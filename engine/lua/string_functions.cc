#include <string.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "engine/lua/lua_call.h"

namespace restate {
namespace {

constexpr size_t kBytesPerInstruction = 64;

void ChargeBytes(lua_State* L, size_t bytes) {
  Charge(L, static_cast<int64_t>(1 + bytes / kBytesPerInstruction));
}

std::string_view CheckString(lua_State* L, int index) {
  size_t size = 0;
  const char* data = luaL_checklstring(L, index, &size);
  return std::string_view(data, size);
}

// Where `init` points to in a text of `size` bytes, from 0: as in the standard
// library 1 is the first byte and -1 the last.
size_t StartOf(lua_Integer init, size_t size) {
  if (init > 0) return static_cast<size_t>(init) - 1;
  if (init == 0 || init < -static_cast<lua_Integer>(size)) return 0;
  return size - static_cast<size_t>(-init);
}

// The place of `needle` in `text` from `start` on, or npos, in linear time.
size_t FindFrom(std::string_view text, std::string_view needle, size_t start) {
  if (start > text.size()) return std::string_view::npos;
  if (needle.empty()) return start;
  const void* found = memmem(text.data() + start, text.size() - start,
                             needle.data(), needle.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<const char*>(found) - text.data();
}

// string.find(text, needle [, init [, true]]) -> first, last
int Find(lua_State* L) {
  const std::string_view text = CheckString(L, 1);
  const std::string_view needle = CheckString(L, 2);
  if (lua_toboolean(L, 4) == 0 &&
      needle.find_first_of("^$*+?.([%-") != std::string_view::npos) {
    return luaL_error(L,
                      "string.find has no patterns here: give true as the fourth "
                      "argument to look for the text as it is");
  }
  ChargeBytes(L, text.size());
  const size_t at =
      FindFrom(text, needle, StartOf(luaL_optinteger(L, 3, 1), text.size()));
  if (at == std::string_view::npos) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, static_cast<lua_Integer>(at) + 1);
  lua_pushinteger(L, static_cast<lua_Integer>(at + needle.size()));
  return 2;
}

// string.split(text, separator) -> a list of the parts between
int Split(lua_State* L) {
  const std::string_view text = CheckString(L, 1);
  const std::string_view separator = CheckString(L, 2);
  luaL_argcheck(L, !separator.empty(), 2, "the separator is empty");
  ChargeBytes(L, text.size());
  lua_settop(L, 2);
  lua_newtable(L);
  PushMetatable(L, TableKind::kList);
  lua_setmetatable(L, -2);
  lua_Integer parts = 0;
  size_t start = 0;
  for (;;) {
    Charge(L, 1);
    const size_t at = FindFrom(text, separator, start);
    const std::string_view part = text.substr(
        start, at == std::string_view::npos ? at : at - start);
    lua_pushlstring(L, part.data(), part.size());
    lua_rawseti(L, 3, ++parts);
    if (at == std::string_view::npos) return 1;
    start = at + separator.size();
  }
}

// string.replace(text, needle, replacement) -> the text with each replaced
int Replace(lua_State* L) {
  const std::string_view text = CheckString(L, 1);
  const std::string_view needle = CheckString(L, 2);
  const std::string_view replacement = CheckString(L, 3);
  luaL_argcheck(L, !needle.empty(), 2, "the text to replace is empty");
  ChargeBytes(L, text.size());
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  size_t start = 0;
  for (;;) {
    Charge(L, 1);
    const size_t at = FindFrom(text, needle, start);
    const std::string_view before = text.substr(
        start, at == std::string_view::npos ? at : at - start);
    luaL_addlstring(&buffer, before.data(), before.size());
    if (at == std::string_view::npos) break;
    luaL_addlstring(&buffer, replacement.data(), replacement.size());
    start = at + needle.size();
  }
  luaL_pushresult(&buffer);
  return 1;
}

// string.trim(text) -> without the white space at both ends
int Trim(lua_State* L) {
  const std::string_view text = CheckString(L, 1);
  ChargeBytes(L, text.size());
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) {
    lua_pushliteral(L, "");
    return 1;
  }
  const size_t last = text.find_last_not_of(kSpace);
  lua_pushlstring(L, text.data() + first, last - first + 1);
  return 1;
}

// Fills `size` bytes with `text` and `separator` in turn.
void Fill(char* out, size_t size, std::string_view text,
          std::string_view separator) {
  // Not memcpy: an empty one may be nowhere.
  size_t filled = std::min(text.size(), size);
  std::copy_n(text.data(), filled, out);
  const size_t between = std::min(separator.size(), size - filled);
  std::copy_n(separator.data(), between, out + filled);
  // What is there is repeated whole, as often as it fits.
  for (filled += between; filled < size;) {
    const size_t more = std::min(filled, size - filled);
    memcpy(out + filled, out, more);
    filled += more;
  }
}

// string.rep(text, n [, separator])
int Repeat(lua_State* L) {
  const std::string_view text = CheckString(L, 1);
  const lua_Integer times = luaL_checkinteger(L, 2);
  const std::string_view separator =
      lua_isnoneornil(L, 3) ? std::string_view() : CheckString(L, 3);
  const size_t each = text.size() + separator.size();
  if (times <= 0 || each == 0) {
    lua_pushliteral(L, "");
    return 1;
  }
  const size_t max = CallOf(L).meter.max_string_bytes();
  if (static_cast<size_t>(times) > max / each + 1) {
    return luaL_error(L, "string.rep would give more than %d bytes",
                      static_cast<int>(max));
  }
  const size_t size =
      each * static_cast<size_t>(times) - separator.size();
  ChargeBytes(L, size);
  luaL_Buffer buffer;
  Fill(luaL_buffinitsize(L, &buffer, size), size, text, separator);
  luaL_pushresultsize(&buffer, size);
  return 1;
}

// string.format without %p, and with %s by this sandbox's tostring: no address
// gets out. The standard function is the closure's upvalue; it bounds widths
// and precisions to 99.
int Format(lua_State* L) {
  const std::string_view format = CheckString(L, 1);
  const int top = lua_gettop(L);
  ChargeBytes(L, format.size());
  int argument = 1;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') continue;
    i = format.find_first_not_of("-+ #0123456789.", i + 1);
    if (i == std::string_view::npos) break;
    if (format[i] == '%') continue;
    Charge(L, 8);
    ++argument;
    if (format[i] == 'p') return luaL_error(L, "string.format has no %%p here");
    if (format[i] == 's' && argument <= top) {
      PushText(L, argument);
      lua_replace(L, argument);
    }
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, top, 1);
  return 1;
}

// string.byte(text [, first [, last]]) and utf8.codepoint, of which each pushes
// a number for every byte or character.
int ChargeForRange(lua_State* L) {
  ChargeBytes(L, 64 * CheckString(L, 1).size());
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

// string.byte(text, i) is worth its own charge: loops over a text use it.
int Byte(lua_State* L) {
  const lua_Integer first = luaL_optinteger(L, 2, 1);
  if (luaL_optinteger(L, 3, first) != first) return ChargeForRange(L);
  const std::string_view text = CheckString(L, 1);
  const size_t size = text.size();
  if (first == 0 || first > static_cast<lua_Integer>(size) ||
      first < -static_cast<lua_Integer>(size)) {
    return 0;
  }
  lua_pushinteger(L, static_cast<unsigned char>(text[StartOf(first, size)]));
  return 1;
}

void CopyFields(lua_State* L, int from, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    lua_getfield(L, from, name);
    lua_setfield(L, -2, name);
  }
}

// Sets a closure of the standard function of that name.
void Wrap(lua_State* L, int from, const char* name, lua_CFunction function) {
  lua_getfield(L, from, name);
  lua_pushcclosure(L, function, 1);
  lua_setfield(L, -2, name);
}

}  // namespace

void ReplaceStringLibrary(lua_State* L) {
  const int standard = lua_gettop(L);
  lua_newtable(L);
  CopyFields(L, standard, {"char", "len", "lower", "reverse", "sub", "upper"});
  Wrap(L, standard, "format", Format);
  Wrap(L, standard, "byte", Byte);
  constexpr NamedFunction kOwn[] = {{"find", Find},
                                    {"rep", Repeat},
                                    {"replace", Replace},
                                    {"split", Split},
                                    {"trim", Trim}};
  for (const NamedFunction& named : kOwn) {
    lua_pushcfunction(L, named.function);
    lua_setfield(L, -2, named.name);
  }
  lua_remove(L, standard);
}

void ReplaceUtf8Library(lua_State* L) {
  const int standard = lua_gettop(L);
  lua_newtable(L);
  CopyFields(L, standard, {"char", "codes", "len", "offset"});
  Wrap(L, standard, "codepoint", ChargeForRange);
  lua_remove(L, standard);
}

}  // namespace restate
