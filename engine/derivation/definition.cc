#include "engine/derivation/definition.h"

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {
namespace {

absl::Status Invalid(const Definition& definition, std::string_view why) {
  return MakeError(Reason::kInvalidRequest,
                   absl::StrCat("the derivation of ",
                                definition.dest.ToText(), " ",
                                std::string(why)),
                   {{"path", definition.dest.ToText()}});
}

struct ShapeCheck {
  const Definition& definition;

  absl::Status operator()(const LuaTransform& lua) const {
    if (lua.parameters.size() == definition.sources.size()) {
      return absl::OkStatus();
    }
    return Invalid(definition,
                   absl::StrCat("has ", definition.sources.size(),
                                " sources and ", lua.parameters.size(),
                                " parameters: give one parameter for each "
                                "source, in their order"));
  }
  absl::Status operator()(const AggregateTransform&) const {
    if (definition.sources.size() == 1) return absl::OkStatus();
    return Invalid(definition,
                   "is an aggregate: give it exactly one source, the parent of "
                   "the children");
  }
  absl::Status operator()(const HostedTransform& hosted) const {
    if (hosted.name.empty()) {
      return Invalid(definition, "is hosted: give the name to call it by");
    }
    if (definition.sources.empty()) {
      return Invalid(definition, "is hosted: give at least one source");
    }
    return absl::OkStatus();
  }
};

}  // namespace

absl::Status CheckDefinition(const Definition& definition) {
  if (definition.dest.is_root()) {
    return MakeError(Reason::kInvalidPath,
                     "the root cannot be a destination: name a path below it",
                     {{"path", "/"}});
  }
  absl::Status status = std::visit(ShapeCheck{definition},
                                   definition.transform);
  if (!status.ok()) return status;
  for (const Path& source : definition.sources) {
    if (!definition.dest.Contains(source)) continue;
    return MakeError(
        Reason::kCycle,
        absl::StrCat("the source ", source.ToText(),
                     " is at or below its own destination ",
                     definition.dest.ToText(), ": derive from other paths"),
        {{"path", definition.dest.ToText()},
         {"cycle", absl::StrCat(definition.dest.ToText(), " -> ",
                                definition.dest.ToText())}});
  }
  return absl::OkStatus();
}

}  // namespace restate
