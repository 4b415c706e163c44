#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_DIRECTORY_FIXTURE_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_DIRECTORY_FIXTURE_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/backend/filesystem/filesystem_backend.h"
#include "gtest/gtest.h"

namespace restate {

inline Path P(std::string_view text) { return *Path::Parse(text); }
Value MapOf(std::vector<std::pair<std::string, Value>> entries);

// A directory of its own, a backend over it, and a person with an editor. Files
// are watched by hand, by Rescan.
class DirectoryFixture {
 public:
  DirectoryFixture();
  ~DirectoryFixture();

  const std::string& root() const { return options_.directory; }
  FilesystemOptions& options() { return options_; }
  FilesystemBackend& backend() { return *backend_; }

  // Closes what is open, and opens; what went wrong.
  absl::Status Open(const FilesystemBackend::MakeDirectory& make = nullptr);
  void Close() { backend_ = nullptr; }

  // Under the next revision.
  absl::Status Apply(std::vector<Write> writes);
  absl::Status Set(std::string_view path, Tree value);
  absl::Status SetOwn(std::string_view path, Tree own);
  absl::Status CanSet(std::string_view path, Tree value);
  Tree Read(std::string_view path = "/");
  Revision revision() const { return revision_; }

  // Begins to listen; edits are kept, and answered with `answer`.
  void Listen();
  // Rescans and gives the edits that were heard: "/a = 1", "/a own gone".
  std::vector<std::string> Edits();
  // Applies the edits heard last, as the commit that they became.
  absl::Status Commit();
  absl::Status answer;

  // What a person does to files, by names in the directory.
  void Type(const std::string& name, std::string_view text);
  // As editors do: another file, renamed over.
  void TypeOver(const std::string& name, std::string_view text);
  void Delete(const std::string& name);
  void Link(const std::string& name, const std::string& target);
  void MakeDirectory(const std::string& name);
  // Absent: "(none)".
  std::string Text(const std::string& name) const;
  // Every name that does not begin with a dot; directories end in "/".
  std::vector<std::string> Listing() const;
  std::vector<std::string> HiddenFiles() const;

 private:
  FilesystemOptions options_;
  std::string scratch_;
  std::unique_ptr<FilesystemBackend> backend_;
  Revision revision_ = 0;
  std::vector<Write> heard_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_DIRECTORY_FIXTURE_H_
