#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_FILE_SET_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_FILE_SET_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/backend/filesystem/file_names.h"
#include "engine/backend/filesystem/state_directory.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"

namespace restate {

// A file as it was last read or written.
struct FileEntry {
  // What it stands for: of a file that does not parse, what it was before.
  Tree content;
  FileIdentity identity;
  std::string digest;
  // Reached through a link, and never written.
  bool linked = false;
  // Look at it again even if the identity is the same.
  bool unsure = false;
  // Why it does not count, in words; empty if it does.
  std::string problem;
};

// The files of a directory by the nodes they are of. A file of the node f gives
// the own values of its content, at f and below; where two files give the same
// place, the one of the deeper node counts.
//
// Thread-compatible.
class FileSet {
 public:
  using Files = std::map<Path, FileEntry>;

  const Files& files() const { return files_; }
  const FileEntry* Find(const Path& path) const;
  void Put(const Path& path, FileEntry entry);
  void Erase(const Path& path);
  // The bytes of all files.
  uint64_t bytes() const { return bytes_; }

  // What the files say together.
  struct Reading {
    Tree tree;
    // A line for each place that two files give.
    std::vector<std::string> conflicts;
  };
  Reading Read(const FileNames& names) const;

  // The nodes whose files give `path` its own value, the one that counts last.
  std::vector<Path> Giving(const Path& path) const;

  // The own value that the files give `path`; {} also where it does not show.
  Tree OwnOf(const Path& path) const;

  // The node in whose file an own value of `path` belongs: the one that gives
  // it; else the nearest file above that is an object, unless a directory with
  // files is nearer; else its own.
  Path HomeOf(const Path& path) const;

 private:
  bool HasFilesBelow(const Path& path) const;

  Files files_;
  uint64_t bytes_ = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_FILE_SET_H_
