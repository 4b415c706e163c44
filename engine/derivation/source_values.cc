#include "engine/derivation/source_values.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/derivation/derivation_state.h"
#include "engine/error/error.h"

namespace restate {

absl::StatusOr<Tree> ReadSource(ClientReader& client,
                                const DerivedValues& derived, const Path& dest,
                                const Path& source, size_t max_bytes) {
  ReadLimits limits;
  limits.max_bytes = max_bytes;
  absl::StatusOr<ReadResult> read =
      ReadLayered(client, derived, source, ViewOf(dest, source), limits);
  if (!read.ok()) return read.status();
  if (read->over_limit) {
    return MakeError(
        Reason::kReadTooLarge,
        absl::StrCat("what ", source.ToText(), " reads as is over ", max_bytes,
                     " bytes: derive from a part of it, or with an aggregate; "
                     "StreamState reads it whole"),
        {{"path", source.ToText()}});
  }
  if (!read->tree.has_value() && source.is_root()) return Value::EmptyMap();
  return std::move(read->tree);
}

absl::StatusOr<bool> AnySourceAbsent(ClientReader& client,
                                     const DerivedValues& derived,
                                     const Definition& definition) {
  for (const Path& source : definition.sources) {
    if (source.is_root()) continue;
    absl::StatusOr<NodeProbe> probe = ProbeLayered(
        client, derived, source, ViewOf(definition.dest, source));
    if (!probe.ok()) return probe.status();
    if (!probe->exists()) return true;
  }
  return false;
}

}  // namespace restate
