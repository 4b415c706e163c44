#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_DIRECTORY_SCAN_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_DIRECTORY_SCAN_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "engine/backend/filesystem/file_names.h"
#include "engine/backend/filesystem/state_directory.h"
#include "engine/path/path.h"

namespace restate {

// What lies in a directory.
struct DirectoryScan {
  struct File {
    Path path;
    FileIdentity identity;
    // The file, or a directory above it, is a link.
    bool linked = false;
  };
  std::vector<File> files;
  // Nodes whose directories are links: nothing is written below them.
  std::vector<Path> linked_directories;
  // Nodes at and below which something could not be looked at: what is missing
  // there is not gone.
  std::vector<Path> unreadable;
  // Where no file of ours can be made, by name, and why: what is there is neither
  // a file nor a directory of ours ("README"), or is a directory that cannot be
  // used ("im", if that is closed).
  struct Obstacle {
    std::string why;
    // Only what is directly in it: it is a directory that takes no files.
    bool closed = false;
  };
  std::map<std::string, Obstacle> obstacles;
  // Directories in closed ones that are not closed themselves.
  std::set<std::string> open_in_closed;
  // What a crash has left, by name.
  std::vector<std::string> temporaries;
  // Lines for people, each naming a file.
  std::vector<std::string> problems;
};

// Looks through the directory. `visit` is called with a descriptor of each
// directory before its names are read, and of each file that a link leads to.
DirectoryScan ScanDirectory(const StateDirectory& directory,
                            const FileNames& names,
                            absl::FunctionRef<void(int fd)> visit);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_DIRECTORY_SCAN_H_
