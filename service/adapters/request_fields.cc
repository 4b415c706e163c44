#include "service/adapters/request_fields.h"

#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"
#include "service/adapters/time_adapter.h"

namespace restate {

absl::StatusOr<View> DecodeView(v1::View view) {
  switch (view) {
    case v1::VIEW_UNSPECIFIED:
    case v1::VIEW_ALL:
      return View::kAll;
    case v1::VIEW_WITHOUT_DERIVED:
      return View::kWithoutDerived;
    case v1::VIEW_OWN_VALUE:
      return View::kOwnValue;
    default:
      return UnknownEnumNumber("view", view);
  }
}

absl::Status CheckEncoding(v1::ValueEncoding encoding) {
  if (v1::ValueEncoding_IsValid(encoding)) return absl::OkStatus();
  return UnknownEnumNumber("encoding", encoding);
}

absl::Status CheckRevision(std::string_view field, int64_t revision) {
  if (revision >= 0) return absl::OkStatus();
  return MakeError(Reason::kInvalidRequest,
                   absl::StrCat(AbslView(field), " is ", revision,
                                "; revisions are never negative"));
}

absl::StatusOr<absl::Duration> DecodeDuration(
    std::string_view field, const google::protobuf::Duration& proto,
    absl::Duration least, absl::Duration most) {
  const absl::StatusOr<absl::Duration> decoded = DecodeDuration(field, proto);
  if (!decoded.ok()) return decoded;
  const absl::Duration duration = *decoded;
  if (duration >= least && duration <= most) return duration;
  return MakeError(Reason::kInvalidRequest,
                   absl::StrCat(AbslView(field), " is ",
                                absl::FormatDuration(duration),
                                "; it must be from ",
                                absl::FormatDuration(least), " to ",
                                absl::FormatDuration(most)));
}

absl::Status UnknownEnumNumber(std::string_view field, int number) {
  return MakeError(Reason::kInvalidRequest,
                   absl::StrCat(AbslView(field), " is ", number,
                                ", which this server does not know"));
}

}  // namespace restate
