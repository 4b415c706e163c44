// Any text as a file of a mounted directory: the first byte says in which format.
// It is read or refused; what is read is written and read again the same.

#include <cstddef>
#include <string>
#include <string_view>

#include "engine/backend/filesystem/serializer/file_serializer.h"
#include "engine/error/error.h"
#include "tests/fuzz/fuzz_target.h"

namespace restate {
namespace {

constexpr FileFormat kFormats[] = {FileFormat::kJson, FileFormat::kYaml,
                                   FileFormat::kTextproto};
constexpr size_t kMaxValues = 1000;

void CheckFile(const FileSerializer& serializer, std::string_view text) {
  const absl::StatusOr<Value> read = serializer.Parse(text, kMaxValues);
  if (!read.ok()) {
    FUZZ_CHECK(ErrorReason(read.status()) == "INVALID_VALUE");
    return;
  }
  // Parsers would take it for the end.
  FUZZ_CHECK(text.find('\0') == std::string_view::npos);
  if (!serializer.CheckStorable(*read).ok()) return;
  const std::string written = serializer.Serialize(*read);
  const absl::StatusOr<Value> again = serializer.Parse(written);
  FUZZ_CHECK(again.ok() && Value::Identical(*again, *read));
  FUZZ_CHECK(serializer.Serialize(*again) == written);
}

}  // namespace
}  // namespace restate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto serializer =
      restate::MakeFileSerializer(restate::kFormats[data[0] % 3]);
  restate::CheckFile(
      *serializer,
      std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
  return 0;
}
