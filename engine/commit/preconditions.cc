#include "engine/commit/preconditions.h"

#include <algorithm>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "engine/commit/overlay_reader.h"
#include "engine/derivation/layered_read.h"
#include "engine/error/error.h"

namespace restate {
namespace {

class Checker {
 public:
  Checker(const LastChanges& last_changes, Revision last_given,
          Overlay& overlay, const DerivedValues& derived)
      : last_changes_(last_changes),
        last_given_(last_given),
        client_(&overlay),
        derived_(derived) {}

  absl::Status operator()(const UnchangedSince& condition) {
    if (condition.revision > last_given_) {
      return MakeError(
          Reason::kRevisionInFuture,
          absl::StrCat("unchanged_since names revision ", condition.revision,
                       ", but the last one given out is ", last_given_,
                       ": use the revision of an earlier answer"),
          {{"last_revision", absl::StrCat(last_given_)}});
    }
    const Revision last =
        last_changes_.LastChangeOf(condition.path, condition.view);
    if (last > condition.revision) {
      return Failed("unchanged_since", condition.path,
                    absl::StrCat("it was last changed at revision ", last,
                                 ", after ", condition.revision,
                                 ": read it again and retry"));
    }
    if (condition.revision < last_changes_.floor()) {
      return MakeError(
          Reason::kHistoryTooOld,
          absl::StrCat("unchanged_since ", condition.path.ToText(),
                       ": changes are remembered from revision ",
                       last_changes_.floor(), " on, and ", condition.revision,
                       " is older: read again and retry"),
          {{"path", condition.path.ToText()},
           {"oldest_revision", absl::StrCat(last_changes_.floor())}});
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const Exists& condition) {
    absl::StatusOr<NodeProbe> probe = ProbeLayered(
        client_, derived_, condition.path, View::kWithoutDerived);
    if (!probe.ok()) return probe.status();
    const bool exists = probe->exists() || condition.path.is_root();
    if (exists == condition.exists) return absl::OkStatus();
    return Failed("exists", condition.path,
                  exists ? "it must be absent, and is there"
                         : "it must be there, and is absent");
  }

  absl::Status operator()(const Equals& condition) {
    // What is larger than the value cannot equal it.
    ReadLimits limits;
    limits.max_bytes = std::max<size_t>(1 << 20, 2 * condition.value.ByteSize());
    absl::StatusOr<ReadResult> read = ReadLayered(
        client_, derived_, condition.path, View::kWithoutDerived, limits);
    if (!read.ok()) return read.status();
    Tree& present = read->tree;
    if (!present.has_value() && condition.path.is_root()) {
      present = Value::EmptyMap();
    }
    if (!present.has_value()) {
      return Failed("equals", condition.path, "it is absent");
    }
    if (read->over_limit || *present != condition.value) {
      return Failed("equals", condition.path, "it has another value");
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status Failed(std::string_view kind, const Path& path,
                             std::string_view why) {
    return MakeError(Reason::kPreconditionFailed,
                     absl::StrCat(std::string(kind), " ", path.ToText(),
                                  " does not hold: ", std::string(why)),
                     {{"kind", std::string(kind)}, {"path", path.ToText()}});
  }

  const LastChanges& last_changes_;
  const Revision last_given_;
  OverlayReader client_;
  const DerivedValues& derived_;
};

}  // namespace

absl::Status CheckPreconditions(const std::vector<Precondition>& preconditions,
                                const LastChanges& last_changes,
                                Revision last_given, Overlay& overlay,
                                const DerivedValues& derived) {
  Checker checker(last_changes, last_given, overlay, derived);
  for (size_t i = 0; i < preconditions.size(); ++i) {
    absl::Status status = std::visit(checker, preconditions[i]);
    if (!status.ok()) {
      return Annotate(status, absl::StrCat("precondition ", i, ": "),
                      {{"precondition", absl::StrCat(i)}});
    }
  }
  return absl::OkStatus();
}

}  // namespace restate
