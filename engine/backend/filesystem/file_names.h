#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_FILE_NAMES_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_FILE_NAMES_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "engine/path/path.h"

namespace restate {

// How nodes are called on disk. The node /colors/primary is the file
// colors/primary.json and, for what is below it, the directory colors/primary;
// the root is the directory itself, and its file is %2F.json.
//
// Inside a segment "%XX" stands for what a name cannot hold or would be taken
// for something else: "/", "%", control characters, a leading ".", and the "."
// of a last ".json". No two segments have the same name, and a segment has one
// name only. Names that begin with "." are never a node's.
//
// Immutable; thread-safe.
class FileNames {
 public:
  // `extension` is "json".
  explicit FileNames(std::string_view extension)
      : suffix_("." + std::string(extension)) {}

  // "colors/primary.json", relative to the root directory.
  std::string FileOf(const Path& path) const;
  // "colors/primary"; empty for the root.
  std::string DirectoryOf(const Path& path) const;
  // The name of a directory, without those above it.
  std::string Encode(std::string_view segment) const;

  // OK if the node can have a file: FAILED_PRECONDITION / NOT_STORABLE naming
  // the path and the segment whose name would be too long.
  absl::Status CheckNames(const Path& path) const;

  // What a name in a directory stands for.
  struct Meaning {
    enum class Kind {
      // Nothing of ours: a dot name, or a file with another extension.
      kNone,
      kSegment,
      // The root's own file.
      kRoot,
      // It would be ours if it were written as Encode does.
      kMisspelled,
    };
    Kind kind = Kind::kNone;
    // For kSegment.
    std::string segment;
    // For kMisspelled: what is wrong and what to do.
    std::string problem;
  };
  Meaning OfFile(std::string_view name) const;
  Meaning OfDirectory(std::string_view name) const;

  // ".json".
  const std::string& suffix() const { return suffix_; }

 private:
  Meaning OfStem(std::string_view stem, std::string_view suffix) const;

  const std::string suffix_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_FILE_NAMES_H_
