#include "engine/derivation/lua_functions.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_set.h"

namespace restate {
namespace {

// Leaves `*function` null if there is no text.
absl::Status CompileExpression(LuaRuntime& runtime, const std::string& text,
                               std::unique_ptr<LuaFunction>* function) {
  if (text.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<LuaFunction>> compiled =
      runtime.Compile({"key", "value"}, text);
  if (!compiled.ok()) return compiled.status();
  *function = *std::move(compiled);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<const LuaFunctions::Compiled*> LuaFunctions::Get(
    uint64_t version, const Definition& definition) {
  if (auto it = compiled_.find(version); it != compiled_.end()) {
    return it->second.get();
  }
  auto compiled = std::make_unique<Compiled>();
  if (const auto* lua = std::get_if<LuaTransform>(&definition.transform)) {
    absl::StatusOr<std::unique_ptr<LuaFunction>> function =
        runtime_.Compile(lua->parameters, lua->source);
    if (!function.ok()) return function.status();
    compiled->transform = *std::move(function);
  }
  if (const auto* aggregate =
          std::get_if<AggregateTransform>(&definition.transform)) {
    absl::Status status =
        CompileExpression(runtime_, aggregate->each, &compiled->each);
    if (status.ok()) {
      status =
          CompileExpression(runtime_, aggregate->group_by, &compiled->group_by);
    }
    if (!status.ok()) return status;
  }
  return compiled_.emplace(version, std::move(compiled)).first->second.get();
}

void LuaFunctions::KeepOnly(const DerivationState& state) {
  absl::flat_hash_set<uint64_t> defined;
  for (auto it = state.derivations.begin(); !it.at_end(); ++it) {
    defined.insert(it->value.version);
  }
  absl::erase_if(compiled_, [&](const auto& entry) {
    return !defined.contains(entry.first);
  });
}

}  // namespace restate
