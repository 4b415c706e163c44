#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "engine/lua/lua_call.h"

namespace restate {
namespace {

// Calls the standard function that is the closure's upvalue with all arguments.
int CallStandard(lua_State* L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

// The number of items from `from` to `to`.
int64_t CountBetween(lua_Integer from, lua_Integer to) {
  if (to < from) return 0;
  const uint64_t count = static_cast<uint64_t>(to) - static_cast<uint64_t>(from);
  constexpr uint64_t kEnough = uint64_t{1} << 40;
  return static_cast<int64_t>(std::min(count, kEnough)) + 1;
}

// Each charges for what its namesake in the standard library touches.

int Concat(lua_State* L) {
  const lua_Integer from = luaL_optinteger(L, 3, 1);
  const lua_Integer to =
      lua_isnoneornil(L, 4) ? luaL_len(L, 1) : luaL_checkinteger(L, 4);
  Charge(L, CountBetween(from, to));
  return CallStandard(L);
}

int Unpack(lua_State* L) {
  const lua_Integer from = luaL_optinteger(L, 2, 1);
  const lua_Integer to =
      lua_isnoneornil(L, 3) ? luaL_len(L, 1) : luaL_checkinteger(L, 3);
  Charge(L, CountBetween(from, to));
  return CallStandard(L);
}

int Insert(lua_State* L) {
  if (lua_gettop(L) == 3) {
    Charge(L, CountBetween(luaL_checkinteger(L, 2), luaL_len(L, 1)));
  }
  return CallStandard(L);
}

int Remove(lua_State* L) {
  if (lua_gettop(L) >= 2) {
    Charge(L, CountBetween(luaL_checkinteger(L, 2), luaL_len(L, 1)));
  }
  return CallStandard(L);
}

int Move(lua_State* L) {
  Charge(L, CountBetween(luaL_checkinteger(L, 2), luaL_checkinteger(L, 3)));
  return CallStandard(L);
}

// A merge sort: stable, so that the result does not depend on chance, and in
// bounds whatever the comparator says. The items are in a table at kCopy.
class Sorter {
 public:
  static constexpr int kComparator = 2;
  static constexpr int kCopy = 3;

  explicit Sorter(lua_State* L, size_t size) : L_(L), order_(size) {
    std::iota(order_.begin(), order_.end(), 1);
  }

  // The indices of the items in order.
  const std::vector<lua_Integer>& Sort() {
    std::vector<lua_Integer> merged(order_.size());
    for (size_t width = 1; width < order_.size(); width *= 2) {
      for (size_t begin = 0; begin < order_.size(); begin += 2 * width) {
        Merge(begin, std::min(begin + width, order_.size()),
              std::min(begin + 2 * width, order_.size()), &merged);
      }
      std::swap(order_, merged);
    }
    return order_;
  }

 private:
  void Merge(size_t begin, size_t middle, size_t end,
             std::vector<lua_Integer>* merged) {
    size_t left = begin;
    size_t right = middle;
    for (size_t out = begin; out < end; ++out) {
      const bool from_right =
          left == middle ||
          (right < end && Less(order_[right], order_[left]));
      (*merged)[out] = from_right ? order_[right++] : order_[left++];
    }
  }

  bool Less(lua_Integer a, lua_Integer b) {
    ChargeComparisons(L_, 1);
    const bool has_comparator = !lua_isnil(L_, kComparator);
    if (has_comparator) lua_pushvalue(L_, kComparator);
    lua_rawgeti(L_, kCopy, a);
    lua_rawgeti(L_, kCopy, b);
    bool less = false;
    if (has_comparator) {
      lua_call(L_, 2, 1);
      less = lua_toboolean(L_, -1) != 0;
      lua_pop(L_, 1);
    } else {
      less = lua_compare(L_, -2, -1, LUA_OPLT) != 0;
      lua_pop(L_, 2);
    }
    return less;
  }

  lua_State* const L_;
  std::vector<lua_Integer> order_;
};

int Sort(lua_State* L) {
  lua_settop(L, 2);
  luaL_checktype(L, 1, LUA_TTABLE);
  if (!lua_isnil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
  const lua_Integer size = luaL_len(L, 1);
  Charge(L, 2 * size);
  lua_createtable(L, static_cast<int>(size), 0);
  for (lua_Integer i = 1; i <= size; ++i) {
    lua_geti(L, 1, i);
    lua_rawseti(L, Sorter::kCopy, i);
  }
  Sorter sorter(L, size);
  lua_Integer to = 0;
  for (lua_Integer from : sorter.Sort()) {
    lua_rawgeti(L, Sorter::kCopy, from);
    lua_seti(L, 1, ++to);
  }
  return 0;
}

}  // namespace

void ReplaceTableLibrary(lua_State* L) {
  const int standard = lua_gettop(L);
  lua_newtable(L);
  constexpr NamedFunction kCharging[] = {{"concat", Concat},
                                         {"unpack", Unpack},
                                         {"insert", Insert},
                                         {"remove", Remove},
                                         {"move", Move}};
  for (const NamedFunction& named : kCharging) {
    lua_getfield(L, standard, named.name);
    lua_pushcclosure(L, named.function, 1);
    lua_setfield(L, -2, named.name);
  }
  lua_getfield(L, standard, "pack");
  lua_setfield(L, -2, "pack");
  lua_pushcfunction(L, Sort);
  lua_setfield(L, -2, "sort");
  lua_remove(L, standard);
}

}  // namespace restate
