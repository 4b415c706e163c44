#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_FILE_SERIALIZER_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_FILE_SERIALIZER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/value/value.h"

namespace restate {

// What files are written in.
enum class FileFormat { kJson, kYaml, kTextproto };

// Turns values into the text of files and back, exactly: kinds and bits. The
// forms are in docs/filesystem.md. Thread-safe.
class FileSerializer {
 public:
  virtual ~FileSerializer() = default;

  // "json": what file names end in, and what the configuration calls it.
  virtual std::string_view extension() const = 0;
  // FAILED_PRECONDITION / NOT_STORABLE for a value that Serialize cannot write
  // so that Parse reads it.
  virtual absl::Status CheckStorable(const Value& value) const {
    return absl::OkStatus();
  }
  // The whole text of a file. REQUIRES: CheckStorable.
  virtual std::string Serialize(const Value& value) const = 0;
  // The value of a file that may come from anybody, not canonical yet. Memory and
  // steps are bounded by a multiple of the text's size; `max_values` bounds them
  // further: values and items of lists, about. Nothing of the text is left out
  // silently. INVALID_ARGUMENT / INVALID_VALUE with a message that names the line,
  // where one is known, and what is wrong.
  absl::StatusOr<Value> Parse(std::string_view text,
                              size_t max_values = SIZE_MAX) const;

 private:
  // REQUIRES: `text` is valid UTF-8 without NUL.
  virtual absl::StatusOr<Value> ParseText(std::string_view text,
                                          size_t max_values) const = 0;
};

std::unique_ptr<const FileSerializer> MakeFileSerializer(FileFormat format);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_SERIALIZER_FILE_SERIALIZER_H_
