#include "engine/commit/lua_equalities.h"

#include <utility>

namespace restate {
namespace {

constexpr size_t kMostCompiled = 256;

}  // namespace

absl::StatusOr<bool> LuaEqualities::Equal(const std::string& source,
                                          const Tree& old_value,
                                          const Tree& new_value) {
  auto it = compiled_.find(source);
  if (it == compiled_.end()) {
    absl::StatusOr<LuaEquality> compiled =
        LuaEquality::Compile(runtime_, source);
    if (!compiled.ok()) return compiled.status();
    if (order_.size() == kMostCompiled) {
      compiled_.erase(order_.front());
      order_.pop_front();
    }
    order_.push_back(source);
    it = compiled_
             .emplace(source,
                      std::make_unique<LuaEquality>(*std::move(compiled)))
             .first;
  }
  return it->second->Equal(old_value, new_value).equal;
}

}  // namespace restate
