#include "engine/backend/filesystem/serializer/yaml_serializer.h"

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/filesystem/serializer/exact_tags.h"
#include "engine/backend/filesystem/serializer/scalar_text.h"
#include "engine/backend/filesystem/serializer/yaml_scalar.h"
#include "engine/error/absl_view.h"
#include "engine/path/utf8.h"
#include "engine/yaml/yaml_reader.h"

namespace restate {
namespace {

using scalar_text::ErrorAtLine;

// A key that takes more than this is written behind "? ": YAML looks for the
// colon of a key no further than 1,024 characters away.
constexpr size_t kLongKey = 512;

// Turns nodes into values; what aliases stand for is made once for each.
class NodeReader {
 public:
  absl::StatusOr<Value> Read(const YamlNode& node) {
    switch (node.kind) {
      case YamlNode::Kind::kList:
        return ReadList(node);
      case YamlNode::Kind::kMap:
        return ReadMap(node);
      case YamlNode::Kind::kScalar:
        break;
    }
    absl::StatusOr<Value> value = yaml_scalar::ReadTagged(node.tag, node.text);
    if (value.ok()) return value;
    return ErrorAtLine(node.line, StdView(value.status().message()));
  }

 private:
  // A node that several places may share.
  absl::StatusOr<Value> ReadPart(const YamlNodePtr& node) {
    if (node.use_count() == 1) return Read(*node);
    const auto known = shared_.find(node.get());
    if (known != shared_.end()) return known->second;
    absl::StatusOr<Value> value = Read(*node);
    if (value.ok()) shared_.emplace(node.get(), *value);
    return value;
  }

  absl::StatusOr<Value> ReadList(const YamlNode& node) {
    Value::List list;
    list.reserve(node.items.size());
    for (const YamlNodePtr& item : node.items) {
      absl::StatusOr<Value> value = ReadPart(item);
      if (!value.ok()) return value;
      list.push_back(*std::move(value));
    }
    return Value::MakeList(std::move(list));
  }

  absl::StatusOr<Value> ReadMap(const YamlNode& node) {
    Value::Map map;
    for (const YamlNode::Entry& entry : node.entries) {
      if (absl::Status status = CheckKey(*entry.key); !status.ok()) {
        return status;
      }
      const std::string& key = entry.key->text;
      if (map.Find(key) != nullptr) {
        return ErrorAtLine(entry.key->line,
                           absl::StrCat("the key ", Quoted(key),
                                        " is there twice: remove one"));
      }
      absl::StatusOr<Value> value = ReadPart(entry.value);
      if (!value.ok()) return value;
      map = map.Set(key, *std::move(value));
    }
    return Value::MakeMap(std::move(map));
  }

  // A key is its text, whatever else the core schema would make of it.
  static absl::Status CheckKey(const YamlNode& key) {
    if (!key.is_scalar()) {
      return ErrorAtLine(key.line, "a key is a list or a map: use text");
    }
    if (key.is_null()) {
      return ErrorAtLine(key.line,
                         "a key is null: put it into quotation marks");
    }
    if (key.tag.empty() || key.tag == "!" ||
        key.tag == "tag:yaml.org,2002:str") {
      return absl::OkStatus();
    }
    return ErrorAtLine(key.line, absl::StrCat("the key ", Quoted(key.text),
                                              " has the tag ", Quoted(key.tag),
                                              ": leave that out"));
  }

  std::unordered_map<const YamlNode*, Value> shared_;
};

bool IsBlock(const Value& value) {
  return (value.is_map() && !value.is_empty_map()) ||
         (value.kind() == Value::Kind::kList && !value.as_list().empty());
}

// Appends `value`, which has tags where YAML needs them, to a line that has
// `indent` columns already.
void AppendYaml(const Value& value, size_t indent, std::string* text);

void NewLine(size_t indent, std::string* text) {
  *text += '\n';
  text->append(indent, ' ');
}

void AppendEntry(const std::string& key, const Value& value, size_t indent,
                 std::string* text) {
  const std::string key_text = yaml_scalar::StringText(key);
  if (key_text.size() > kLongKey) {
    absl::StrAppend(text, "? ", key_text);
    NewLine(indent, text);
  } else {
    *text += key_text;
  }
  *text += ':';
  if (IsBlock(value)) {
    NewLine(indent + 2, text);
  } else {
    *text += ' ';
  }
  AppendYaml(value, indent + 2, text);
}

void AppendYaml(const Value& value, size_t indent, std::string* text) {
  if (!IsBlock(value)) {
    *text += value.is_map()                            ? "{}"
             : value.kind() == Value::Kind::kList ? "[]"
                                                  : yaml_scalar::ScalarText(value);
    return;
  }
  bool first = true;
  if (value.is_map()) {
    for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
      if (!std::exchange(first, false)) NewLine(indent, text);
      AppendEntry(it->key, it->value, indent, text);
    }
    return;
  }
  for (const Value& item : value.as_list()) {
    if (!std::exchange(first, false)) NewLine(indent, text);
    *text += "- ";
    AppendYaml(item, indent + 2, text);
  }
}

}  // namespace

std::string YamlSerializer::Serialize(const Value& value) const {
  std::string text;
  AppendYaml(exact_tags::Encode(value, {}), 0, &text);
  text += '\n';
  return text;
}

absl::StatusOr<Value> YamlSerializer::ParseText(std::string_view text,
                                                size_t max_values) const {
  absl::StatusOr<YamlNodePtr> node =
      ReadYaml(text,
               {.max_nesting = exact_tags::kMaxTaggedNesting,
                .max_values = max_values},
               ErrorAtLine);
  if (!node.ok()) return node.status();
  if (*node == nullptr) {
    return ErrorAtLine(1, "the file is empty: write ~ for null");
  }
  absl::StatusOr<Value> value = NodeReader().Read(**node);
  if (!value.ok()) return value;
  return exact_tags::Decode(*value);
}

}  // namespace restate
