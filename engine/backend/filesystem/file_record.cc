#include "engine/backend/filesystem/file_record.h"

#include <openssl/sha.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/backend/epoch.h"
#include "engine/error/absl_view.h"
#include "engine/value/value_proto.h"
#include "restate/v1/value.pb.h"

namespace restate {
namespace {

constexpr size_t kChecksumBytes = 8;

std::string Line(const std::string& text) {
  return absl::StrCat(text, " ", TextDigest(text).substr(0, kChecksumBytes),
                      "\n");
}

// The first word, which is taken off `rest`.
std::string TakeWord(std::string_view* rest) {
  const size_t end = rest->find(' ');
  std::string word(rest->substr(0, end));
  rest->remove_prefix(end == std::string_view::npos ? rest->size() : end + 1);
  return word;
}

}  // namespace

std::string TextDigest(std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         digest);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), 16));
}

FileRecord FileRecord::Make(std::string_view extension) {
  FileRecord record;
  record.id_ = NewEpoch();
  record.extension_ = extension;
  return record;
}

std::optional<FileRecord> FileRecord::Parse(std::string_view text) {
  FileRecord record;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    // A line that was cut short is no line, whatever it says.
    if (end == std::string_view::npos) break;
    record.ReadLine(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  if (record.id_.empty()) return std::nullopt;
  return record;
}

bool FileRecord::ReadLine(std::string_view line) {
  const size_t space = line.rfind(' ');
  if (space == std::string_view::npos) return false;
  const std::string_view body = line.substr(0, space);
  if (line.substr(space + 1) != TextDigest(body).substr(0, kChecksumBytes)) {
    return false;
  }
  std::string_view rest = body;
  const std::string kind = TakeWord(&rest);
  if (kind == "directory") {
    if (TakeWord(&rest) != "1") return false;
    id_ = TakeWord(&rest);
    extension_ = rest;
  } else if (kind == "revision") {
    Revision revision = 0;
    if (!absl::SimpleAtoi(AbslView(rest), &revision)) return false;
    NoteRevision(revision);
  } else if (kind == "gone") {
    NoteGone(std::string(rest));
  } else {
    const std::string word = TakeWord(&rest);
    const std::string name(rest);
    if (kind == "file") NoteFile(name, word);
    if (kind == "plan") plans_[name] = word;
    if (kind == "kept") kept_[name] = word;
  }
  return true;
}

bool FileRecord::Knows(const std::string& name,
                       const std::string& digest) const {
  auto noted = files_.find(name);
  if (noted == files_.end() ? digest.empty() : noted->second == digest) {
    return true;
  }
  auto plan = plans_.find(name);
  return plan != plans_.end() &&
         plan->second == (digest.empty() ? "-" : digest);
}

std::optional<Value> FileRecord::Kept(const std::string& name) const {
  auto kept = kept_.find(name);
  if (kept == kept_.end()) return std::nullopt;
  std::string bytes;
  v1::Value proto;
  if (!absl::Base64Unescape(kept->second, &bytes) ||
      !proto.ParseFromString(bytes)) {
    return std::nullopt;
  }
  absl::StatusOr<Value> value = FromProto(proto);
  if (!value.ok()) return std::nullopt;
  return *std::move(value);
}

std::string FileRecord::NoteFile(const std::string& name,
                                 const std::string& digest) {
  files_[name] = digest;
  plans_.erase(name);
  kept_.erase(name);
  return Line(absl::StrCat("file ", digest, " ", name));
}

std::string FileRecord::NoteGone(const std::string& name) {
  files_.erase(name);
  plans_.erase(name);
  kept_.erase(name);
  return Line(absl::StrCat("gone ", name));
}

std::string FileRecord::NotePlan(const std::string& name,
                                 const std::string& digest) {
  const std::string& planned = plans_[name] = digest.empty() ? "-" : digest;
  return Line(absl::StrCat("plan ", planned, " ", name));
}

std::string FileRecord::NoteKept(const std::string& name, const Value& value) {
  v1::Value proto;
  ToProto(value, &proto);
  const std::string& kept = kept_[name] =
      absl::Base64Escape(proto.SerializeAsString());
  return Line(absl::StrCat("kept ", kept, " ", name));
}

std::string FileRecord::NoteRevision(Revision revision) {
  revision_ = revision;
  return Line(absl::StrCat("revision ", revision));
}

std::string FileRecord::Compact() {
  std::string text = Line(absl::StrCat("directory 1 ", id_, " ", extension_));
  for (const auto& [name, digest] : files_) {
    text += Line(absl::StrCat("file ", digest, " ", name));
  }
  for (const auto& [name, plan] : plans_) {
    text += Line(absl::StrCat("plan ", plan, " ", name));
  }
  for (const auto& [name, kept] : kept_) {
    text += Line(absl::StrCat("kept ", kept, " ", name));
  }
  text += Line(absl::StrCat("revision ", revision_));
  return text;
}

}  // namespace restate
