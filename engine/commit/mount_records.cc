#include "engine/commit/mount_records.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"

namespace restate::mount_records {

std::string EncodeNumber(int64_t number) { return absl::StrCat(number); }

std::optional<int64_t> DecodeNumber(std::string_view bytes) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(AbslView(bytes), &number)) return std::nullopt;
  return number;
}

}  // namespace restate::mount_records
