#include "engine/backend/filesystem/file_errors.h"

#include <cerrno>
#include <map>
#include <string>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"
#include "engine/path/utf8.h"

namespace restate {
namespace {

std::string_view Advice(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "free some space on that disk";
    case EROFS:
      return "mount that disk for writing, or configure the directory as "
             "read-only";
    case EACCES:
    case EPERM:
      return "let the server's user read and write it";
    case EFBIG:
      return "make several files of it";
    case EINVAL:
      return "it is no regular file: move it away";
    case EIO:
      return "see to the disk";
    case EMFILE:
    case ENFILE:
      return "allow more open files";
    case ELOOP:
      return "the server does not write through links: remove the link";
    case ENOTDIR:
      return "something that is no directory is in the way: move it";
    case EISDIR:
      return "a directory is in the way: move it";
    default:
      return "see what is wrong with it";
  }
}

constexpr char kErrorKey[] = "errno";

}  // namespace

absl::Status FileError(std::string_view doing, std::string_view directory,
                       std::string_view name, int error) {
  std::string file(directory);
  if (!name.empty()) absl::StrAppend(&file, "/", AbslView(name));
  return MakeError(
      Reason::kMountUnavailable,
      absl::StrCat("cannot ", AbslView(doing), " ",
                   IsValidUtf8(file) ? file : Quoted(file), ": ",
                   std::generic_category().message(error), "; ",
                   AbslView(Advice(error)), ". It is tried again"),
      {{"file", file}, {kErrorKey, name.empty() ? "0" : absl::StrCat(error)}});
}

bool IsOfOneFile(const absl::Status& status) {
  const std::map<std::string, std::string> metadata = ErrorMetadata(status);
  const auto found = metadata.find(kErrorKey);
  int error = 0;
  if (found == metadata.end() || !absl::SimpleAtoi(found->second, &error)) {
    return false;
  }
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EEXIST:
    case ENOTEMPTY:
    case ELOOP:
    case EXDEV:
    case EINVAL:
    case ENAMETOOLONG:
    case ENXIO:
    case EBUSY:
    case ETXTBSY:
    case EFBIG:
      return true;
    default:
      return false;
  }
}

}  // namespace restate
