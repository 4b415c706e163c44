#include "engine/backend/filesystem/directory_fixture.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace restate {
namespace {

namespace fs = std::filesystem;

std::string Show(const Write& write) {
  std::string text = write.path.ToText();
  if (write.scope == Write::Scope::kOwnValue) text += " own";
  return text + (write.value.has_value() ? " = " + write.value->DebugString()
                                         : " gone");
}

}  // namespace

Value MapOf(std::vector<std::pair<std::string, Value>> entries) {
  Value::Map map;
  for (auto& [key, value] : entries) map = map.Set(key, std::move(value));
  return Value::MakeMap(std::move(map));
}

DirectoryFixture::DirectoryFixture() {
  static std::atomic<int> count{0};
  scratch_ = testing::TempDir() + "/directory_" + std::to_string(getpid()) +
             "_" + std::to_string(++count);
  fs::remove_all(scratch_);
  fs::create_directories(scratch_);
  options_.directory = scratch_ + "/state";
}

DirectoryFixture::~DirectoryFixture() {
  Close();
  fs::remove_all(scratch_);
}

absl::Status DirectoryFixture::Open(
    const FilesystemBackend::MakeDirectory& make) {
  Close();
  auto backend = FilesystemBackend::Open(options_, make);
  if (!backend.ok()) return backend.status();
  backend_ = *std::move(backend);
  return absl::OkStatus();
}

absl::Status DirectoryFixture::Apply(std::vector<Write> writes) {
  ++revision_;
  for (Write& write : writes) write.revision = revision_;
  return backend_->Apply(writes, revision_);
}

absl::Status DirectoryFixture::Set(std::string_view path, Tree value) {
  return Apply({Write{P(path), Write::Scope::kSubtree, std::move(value), 0,
                      {}}});
}

absl::Status DirectoryFixture::SetOwn(std::string_view path, Tree own) {
  return Apply({Write{P(path), Write::Scope::kOwnValue, std::move(own), 0,
                      {}}});
}

absl::Status DirectoryFixture::CanSet(std::string_view path, Tree value) {
  return backend_->CanStore(
      Write{P(path), Write::Scope::kSubtree, std::move(value), 0, {}});
}

Tree DirectoryFixture::Read(std::string_view path) {
  return (*backend_->TakeSnapshot())->Read(P(path), ReadLimits())->tree;
}

void DirectoryFixture::Listen() {
  backend_->WatchEdits([this](std::vector<Write> edits) {
    heard_ = std::move(edits);
    return answer;
  });
}

std::vector<std::string> DirectoryFixture::Edits() {
  heard_.clear();
  EXPECT_EQ(backend_->Rescan(), answer);
  std::vector<std::string> shown;
  for (const Write& write : heard_) shown.push_back(Show(write));
  return shown;
}

absl::Status DirectoryFixture::Commit() {
  for (const Write& write : heard_) {
    absl::Status can = backend_->CanStore(write);
    if (!can.ok()) return can;
  }
  return Apply(heard_);
}

void DirectoryFixture::Type(const std::string& name, std::string_view text) {
  fs::create_directories(fs::path(root() + "/" + name).parent_path());
  std::ofstream(root() + "/" + name, std::ios::binary) << text;
}

void DirectoryFixture::TypeOver(const std::string& name,
                                std::string_view text) {
  std::ofstream(scratch_ + "/typed", std::ios::binary) << text;
  fs::rename(scratch_ + "/typed", root() + "/" + name);
}

void DirectoryFixture::Delete(const std::string& name) {
  fs::remove_all(root() + "/" + name);
}

void DirectoryFixture::Link(const std::string& name,
                            const std::string& target) {
  fs::create_directories(fs::path(root() + "/" + name).parent_path());
  fs::create_symlink(target, root() + "/" + name);
}

void DirectoryFixture::MakeDirectory(const std::string& name) {
  fs::create_directories(root() + "/" + name);
}

std::string DirectoryFixture::Text(const std::string& name) const {
  std::ifstream file(root() + "/" + name, std::ios::binary);
  if (!file) return "(none)";
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> DirectoryFixture::Listing() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(root())) {
    std::string name = fs::relative(entry.path(), root()).string();
    if (name.starts_with('.') || name.find("/.") != std::string::npos) {
      continue;
    }
    names.push_back(name + (entry.is_directory() ? "/" : ""));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> DirectoryFixture::HiddenFiles() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(root())) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.')) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace restate
