#include "engine/backend/remote/page_check.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/tree/tree.h"

namespace restate {
namespace {

absl::Status Wrong(const std::string& what) {
  return MakeError(Reason::kCorrupt,
                   absl::StrCat("its answer is wrong: ", what));
}

std::string TextOf(const std::string& key) {
  return Path::FromKey(key).ToText();
}

// Judges one entry by itself.
absl::Status CheckEntry(const OwnValue& entry, const Path& mount) {
  if (entry.value.is_map() && !entry.value.is_empty_map()) {
    return Wrong(absl::StrCat(
        TextOf(entry.key),
        " has a map that is not empty; its parts must be entries of their "
        "own"));
  }
  const Path path = mount.Join(Path::FromKey(entry.key));
  absl::Status status = path.CheckLimits();
  if (status.ok()) {
    tree::WriteLimits limits;
    limits.max_leaf_bytes = SIZE_MAX;
    status = tree::Canonicalize(entry.value, path, limits).status();
  }
  if (status.ok()) return status;
  return Wrong(absl::StrCat(TextOf(entry.key), ": ", status.message()));
}

}  // namespace

absl::Status CheckPage(const ScanPage& page, const ScanRange& range,
                       const Path& mount) {
  if (page.entries.empty() && page.more) {
    return Wrong("a page is empty, and there is more");
  }
  if (page.entries.size() > range.max_entries) {
    return Wrong(absl::StrCat(page.entries.size(), " entries were given; at "
                              "most ", range.max_entries, " were asked for"));
  }
  const std::string* last = range.exclusive ? &range.start.key() : nullptr;
  for (const OwnValue& entry : page.entries) {
    if (entry.key < range.start.key()) {
      return Wrong(absl::StrCat(TextOf(entry.key), " comes before ",
                                range.start.ToText(),
                                ", where the page begins"));
    }
    if (!entry.key.starts_with(range.within.key())) {
      return Wrong(absl::StrCat(TextOf(entry.key), " is not at or below ",
                                range.within.ToText()));
    }
    if (last != nullptr && entry.key <= *last) {
      return Wrong(absl::StrCat(TextOf(entry.key), " comes after ",
                                TextOf(*last),
                                "; entries must be in path order, each once"));
    }
    absl::Status status = CheckEntry(entry, mount);
    if (!status.ok()) return status;
    last = &entry.key;
  }
  return absl::OkStatus();
}

}  // namespace restate
