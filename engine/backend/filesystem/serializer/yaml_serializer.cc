#include "engine/backend/filesystem/serializer/yaml_serializer.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backend/filesystem/serializer/exact_tags.h"
#include "engine/backend/filesystem/serializer/scalar_text.h"
#include "engine/backend/filesystem/serializer/yaml_scalar.h"
#include "engine/error/absl_view.h"
#include "engine/path/utf8.h"
#include "yaml-cpp/yaml.h"

namespace restate {
namespace {

// A key that takes more than this is written behind "? ": YAML looks for the
// colon of a key no further than 1,024 characters away.
constexpr size_t kLongKey = 512;

// Aliases may make the value larger than the text; this bounds by how much.
constexpr size_t kMoreNodesThanText = 1'000'000;

absl::Status ErrorAt(const YAML::Mark& mark, std::string_view message) {
  return scalar_text::ErrorAtLine(mark.line < 0 ? 1 : mark.line + 1, message);
}

class NodeReader {
 public:
  explicit NodeReader(size_t budget) : budget_(budget) {}

  absl::StatusOr<Value> Read(const YAML::Node& node, size_t nesting) {
    if (budget_-- == 0) {
      return ErrorAt(node.Mark(), "the aliases stand for too many values");
    }
    switch (node.Type()) {
      case YAML::NodeType::Sequence:
      case YAML::NodeType::Map:
        if (nesting == exact_tags::kMaxTaggedNesting) {
          return ErrorAt(node.Mark(), "lists and maps nest too deep: make the "
                                      "value flatter");
        }
        return node.IsMap() ? ReadMap(node, nesting + 1)
                            : ReadList(node, nesting + 1);
      case YAML::NodeType::Scalar: {
        absl::StatusOr<Value> value =
            yaml_scalar::ReadTagged(node.Tag(), node.Scalar());
        if (value.ok()) return value;
        return ErrorAt(node.Mark(), StdView(value.status().message()));
      }
      default:
        return Value::Null();
    }
  }

 private:
  absl::StatusOr<Value> ReadList(const YAML::Node& node, size_t nesting) {
    Value::List list;
    for (const YAML::Node& item : node) {
      absl::StatusOr<Value> value = Read(item, nesting);
      if (!value.ok()) return value;
      list.push_back(*std::move(value));
    }
    return Value::MakeList(std::move(list));
  }

  absl::StatusOr<Value> ReadMap(const YAML::Node& node, size_t nesting) {
    Value::Map map;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar() && !entry.first.IsNull()) {
        return ErrorAt(entry.first.Mark(), "a key is a list or a map: use text");
      }
      const std::string& key = entry.first.Scalar();
      if (entry.first.IsNull()) {
        return ErrorAt(entry.first.Mark(),
                       "a key is null: put it into quotation marks");
      }
      if (map.Find(key) != nullptr) {
        return ErrorAt(entry.first.Mark(),
                       absl::StrCat("the key ", Quoted(key),
                                    " is there twice: remove one"));
      }
      absl::StatusOr<Value> value = Read(entry.second, nesting);
      if (!value.ok()) return value;
      map = map.Set(key, *std::move(value));
    }
    return Value::MakeMap(std::move(map));
  }

  size_t budget_;
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

absl::StatusOr<Value> YamlSerializer::Parse(std::string_view text) const {
  std::vector<YAML::Node> documents;
  try {
    documents = YAML::LoadAll(std::string(text));
  } catch (const YAML::Exception& e) {
    return ErrorAt(e.mark, absl::StrCat("this is not YAML: ", e.msg));
  }
  if (documents.empty()) {
    return scalar_text::ErrorAtLine(1, "the file is empty: write ~ for null");
  }
  if (documents.size() > 1) {
    return scalar_text::ErrorAtLine(
        1, "there are several documents: leave one, without a line ---");
  }
  absl::StatusOr<Value> value =
      NodeReader(text.size() + kMoreNodesThanText).Read(documents.front(), 0);
  if (!value.ok()) return value;
  return exact_tags::Decode(*value);
}

}  // namespace restate
