#ifndef RESTATE_ENGINE_YAML_YAML_NODE_H_
#define RESTATE_ENGINE_YAML_YAML_NODE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace restate {

struct YamlNode;
// Aliases share the node that they stand for.
using YamlNodePtr = std::shared_ptr<const YamlNode>;

// A value in a YAML text, as it is written there: what a scalar means is for
// whoever reads it.
struct YamlNode {
  enum class Kind { kScalar, kList, kMap };
  struct Entry {
    YamlNodePtr key;
    YamlNodePtr value;
  };

  Kind kind = Kind::kScalar;
  // Where it begins, counted from 1.
  size_t line = 1;
  // Of a scalar: empty if it is plain, "!" if it is quoted or tagged with "!",
  // else its tag, such as "tag:yaml.org,2002:str". Lists and maps have none.
  std::string tag;
  std::string text;
  // Of a list.
  std::vector<YamlNodePtr> items;
  // Of a map, in the order of the text; keys may be there twice.
  std::vector<Entry> entries;
  // How many levels of lists and maps it has, aliases followed: 0 for a scalar.
  size_t height = 0;
  // How much it is, aliases followed: its scalars' bytes, and one for each node.
  uint64_t weight = 1;

  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_map() const { return kind == Kind::kMap; }
  // Whether it is null in the core schema: ~, null, or nothing at all.
  bool is_null() const {
    return is_scalar() && tag.empty() &&
           (text.empty() || text == "~" || text == "null" || text == "Null" ||
            text == "NULL");
  }
  // The value of the first entry with this key, or null if there is none.
  const YamlNode* Find(std::string_view key) const {
    for (const Entry& entry : entries) {
      if (entry.key->is_scalar() && entry.key->text == key) {
        return entry.value.get();
      }
    }
    return nullptr;
  }
};

}  // namespace restate

#endif  // RESTATE_ENGINE_YAML_YAML_NODE_H_
