// Any bytes as an encoded restate.v1.Value of the typed kinds, given to Lua and
// taken back: as it is, and built anew.

#include <memory>
#include <string>

#include "engine/error/error.h"
#include "engine/lua/lua_runtime.h"
#include "engine/tree/tree.h"
#include "engine/value/value_proto.h"
#include "restate/v1/value.pb.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/tree_promises.h"

namespace restate {
namespace {

constexpr char kCopySource[] = R"(
  local function copy(v)
    local kind = type(v)
    if kind == "list" then
      local made = list{}
      for i, item in ipairs(v) do made[i] = copy(item) end
      return made
    elseif kind == "map" then
      local made = map{}
      for name, item in pairs(v) do made[name] = copy(item) end
      return made
    elseif kind == "bytes" then
      return bytes(v:raw())
    end
    return v
  end
  return copy(a))";

class Functions {
 public:
  Value Same(const Value& value) { return Result(*same_, value); }
  Value Copy(const Value& value) { return Result(*copy_, value); }

 private:
  std::unique_ptr<LuaFunction> Compile(const std::string& source) {
    auto function = runtime_.Compile({"a"}, source);
    FUZZ_CHECK(function.ok());
    return *std::move(function);
  }
  Value Result(LuaFunction& function, const Value& value) {
    const Tree argument = value;
    const LuaOutcome outcome = runtime_.Call(function, {&argument, 1});
    FUZZ_CHECK(outcome.result.ok() && outcome.result->has_value());
    return **outcome.result;
  }

  LuaRuntime runtime_;
  const std::unique_ptr<LuaFunction> same_ = Compile("a");
  const std::unique_ptr<LuaFunction> copy_ = Compile(kCopySource);
};

}  // namespace
}  // namespace restate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static restate::Functions& functions = *new restate::Functions();
  restate::v1::Value proto;
  if (!proto.ParseFromArray(data, static_cast<int>(size))) return 0;
  const absl::StatusOr<restate::Value> value = restate::FromProto(proto);
  if (!value.ok()) return 0;
  FUZZ_CHECK(restate::Value::Identical(functions.Same(*value), *value));
  // A result is checked, an argument is not: only what may be in a tree can be
  // built.
  const absl::StatusOr<restate::Value> canonical =
      restate::tree::Canonicalize(*value, restate::Path(), {});
  if (!canonical.ok()) return 0;
  FUZZ_CHECK(
      restate::Value::Identical(functions.Copy(*canonical), *canonical));
  return 0;
}
