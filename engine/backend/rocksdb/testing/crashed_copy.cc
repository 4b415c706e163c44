#include "engine/backend/rocksdb/testing/crashed_copy.h"

#include <cstdint>
#include <map>
#include <string>
#include <system_error>

namespace restate {
namespace {

// The names and sizes of the store's files. The store only appends to them, so
// that equal listings mean that nothing was written in between.
std::map<std::string, uintmax_t> Files(const std::filesystem::path& directory) {
  std::map<std::string, uintmax_t> files;
  std::error_code gone;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    files[file.path().filename()] = std::filesystem::file_size(file, gone);
  }
  return files;
}

}  // namespace

void CopyAsCrashed(const std::filesystem::path& from,
                   const std::filesystem::path& to) {
  // A crash leaves the files as they are at one moment. A copy takes longer,
  // and a store that was just opened may still be merging files and deleting
  // the old ones: then the copy is made again.
  std::map<std::string, uintmax_t> before;
  std::error_code error;
  do {
    before = Files(from);
    std::filesystem::remove_all(to);
    std::filesystem::copy(from, to, std::filesystem::copy_options::recursive,
                          error);
  } while (error || Files(from) != before);
}

}  // namespace restate
