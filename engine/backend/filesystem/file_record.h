#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_FILE_RECORD_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_FILE_RECORD_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/value/value.h"

namespace restate {

// What tells texts apart: the first 128 bits of SHA-256, in hexadecimal.
std::string TextDigest(std::string_view text);

// What `.restate` holds: how the server knows the files of a directory. It is
// a log of lines, each with a checksum at its end; the last line about a file
// counts, and a line that a crash has cut short is skipped.
//
//   directory 1 <id> <extension>
//   file <digest> <name>        the state of it that the tree has
//   gone <name>
//   plan <digest or -> <name>   about to be written (deleted) by a batch
//   kept <base64> <name>        it does not parse, and this is its value
//   revision <number>           a batch is applied
class FileRecord {
 public:
  // A new record of a directory.
  static FileRecord Make(std::string_view extension);
  // Nothing if `text` has no first line.
  static std::optional<FileRecord> Parse(std::string_view text);

  const std::string& id() const { return id_; }
  const std::string& extension() const { return extension_; }
  Revision revision() const { return revision_; }
  const std::map<std::string, std::string>& files() const { return files_; }

  // Whether `digest` is the state of the file that was noted, or planned. An
  // empty digest is "there is no such file".
  bool Knows(const std::string& name, const std::string& digest) const;
  // What a file that does not parse stands for.
  std::optional<Value> Kept(const std::string& name) const;

  // Each changes the record and returns the line to append.
  std::string NoteFile(const std::string& name, const std::string& digest);
  std::string NoteGone(const std::string& name);
  std::string NotePlan(const std::string& name, const std::string& digest);
  std::string NoteKept(const std::string& name, const Value& value);
  std::string NoteRevision(Revision revision);

  // The whole record, without what no longer counts.
  std::string Compact();

 private:
  bool ReadLine(std::string_view line);

  std::string id_;
  std::string extension_;
  Revision revision_ = 0;
  // By name: the digest.
  std::map<std::string, std::string> files_;
  // By name: the last planned digest, or "-".
  std::map<std::string, std::string> plans_;
  // By name: a value in base64.
  std::map<std::string, std::string> kept_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_FILE_RECORD_H_
