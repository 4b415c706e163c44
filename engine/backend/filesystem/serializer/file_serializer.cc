#include "engine/backend/filesystem/serializer/file_serializer.h"

#include "engine/backend/filesystem/serializer/json_serializer.h"
#include "engine/backend/filesystem/serializer/textproto_serializer.h"
#include "engine/backend/filesystem/serializer/yaml_serializer.h"

namespace restate {

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
