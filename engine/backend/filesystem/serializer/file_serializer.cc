#include "engine/backend/filesystem/serializer/file_serializer.h"

#include "engine/backend/filesystem/serializer/json_serializer.h"
#include "engine/backend/filesystem/serializer/scalar_text.h"
#include "engine/backend/filesystem/serializer/textproto_serializer.h"
#include "engine/backend/filesystem/serializer/yaml_serializer.h"
#include "engine/error/error.h"
#include "engine/path/utf8.h"

namespace restate {

absl::StatusOr<Value> FileSerializer::Parse(std::string_view text,
                                            size_t max_values) const {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    return scalar_text::ErrorAtLine(1, "it is UTF-16: save it as UTF-8");
  }
  // Parsers take it for the end.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return scalar_text::ErrorAtLine(
        scalar_text::LineOf(text, nul),
        "there is a NUL byte: remove it, or save the file as UTF-8");
  }
  if (!IsValidUtf8(text)) {
    return MakeError(Reason::kInvalidValue,
                     "it is not valid UTF-8: save it as UTF-8");
  }
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  return ParseText(text, max_values);
}

std::unique_ptr<const FileSerializer> MakeFileSerializer(FileFormat format) {
  switch (format) {
    case FileFormat::kJson:
      return std::make_unique<JsonSerializer>();
    case FileFormat::kYaml:
      return std::make_unique<YamlSerializer>();
    case FileFormat::kTextproto:
      return std::make_unique<TextprotoSerializer>();
  }
  return nullptr;
}

}  // namespace restate
