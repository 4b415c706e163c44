#include "engine/yaml/yaml_reader.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/path/utf8.h"
#include "engine/yaml/yaml_events.h"

namespace restate {
namespace {

// What aliases stand for may be this many times the text, and some more.
constexpr uint64_t kAliasFactor = 10;
constexpr uint64_t kAliasAllowance = uint64_t{1} << 20;
// libyaml compares each directive with all before it.
constexpr size_t kMostDirectives = 16;
// Longer than any tag that means something. What %TAG abbreviates is spelled out
// for each node.
constexpr size_t kLongestTag = 128;

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// Builds the nodes from the events. Not recursive.
class Builder {
 public:
  Builder(std::string_view text, const YamlLimits& limits, YamlMistake mistake)
      : events_(text),
        limits_(limits),
        mistake_(mistake),
        alias_budget_(kAliasAllowance + kAliasFactor * text.size()) {}

  absl::StatusOr<YamlNodePtr> Build() {
    while (true) {
      YamlEvent event;
      if (!events_.Next(&event)) {
        return mistake_(events_.ProblemLine(),
                        "this is not YAML: " + events_.Problem());
      }
      if (event.type() == YAML_STREAM_END_EVENT) return std::move(root_);
      if (absl::Status status = Take(event); !status.ok()) return status;
    }
  }

 private:
  // A list or a map that is not complete yet.
  struct Open {
    std::shared_ptr<YamlNode> node;
    std::string anchor;
    // Of a map: the key whose value comes next.
    YamlNodePtr key;
  };

  absl::Status Take(const YamlEvent& event) {
    switch (event.type()) {
      case YAML_DOCUMENT_START_EVENT:
        if (++documents_ == 1) return absl::OkStatus();
        return mistake_(event.line(),
                        "there are several documents: leave one, without a "
                        "line ---");
      case YAML_SCALAR_EVENT:
        return TakeScalar(event);
      case YAML_SEQUENCE_START_EVENT:
        return OpenNode(event, YamlNode::Kind::kList,
                        event->data.sequence_start.anchor,
                        event->data.sequence_start.tag, YAML_SEQ_TAG);
      case YAML_MAPPING_START_EVENT:
        return OpenNode(event, YamlNode::Kind::kMap,
                        event->data.mapping_start.anchor,
                        event->data.mapping_start.tag, YAML_MAP_TAG);
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT: {
        Open closed = std::move(open_.back());
        open_.pop_back();
        return Add(std::move(closed.node), closed.anchor);
      }
      case YAML_ALIAS_EVENT:
        return TakeAlias(event);
      default:
        return absl::OkStatus();
    }
  }

  absl::Status TakeScalar(const YamlEvent& event) {
    const auto& scalar = event->data.scalar;
    auto node = std::make_shared<YamlNode>();
    node->line = event.line();
    node->text.assign(reinterpret_cast<const char*>(scalar.value),
                      scalar.length);
    node->weight += node->text.size();
    node->tag = Text(scalar.tag);
    if (node->tag.size() > kLongestTag) {
      return mistake_(node->line, "a tag is not known: leave it out");
    }
    if (node->tag.empty() && (scalar.style != YAML_PLAIN_SCALAR_STYLE ||
                              events_.HasNonSpecificTag(event))) {
      node->tag = "!";
    }
    if (absl::Status status = Count(*node); !status.ok()) return status;
    return Add(std::move(node), Text(scalar.anchor));
  }

  absl::Status OpenNode(const YamlEvent& event, YamlNode::Kind kind,
                        const unsigned char* anchor, const unsigned char* tag,
                        std::string_view own_tag) {
    const std::string given = Text(tag);
    if (!given.empty() && given != "!" && given != own_tag) {
      return mistake_(
          event.line(),
          given.size() > kLongestTag
              ? "a tag is not known: leave it out"
              : absl::StrCat("the tag ", Quoted(given),
                             " is not known, or not for a list or a map: "
                             "leave it out"));
    }
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->line = event.line();
    if (open_.size() >= limits_.max_nesting) return TooDeep(node->line);
    if (absl::Status status = Count(*node); !status.ok()) return status;
    open_.push_back({std::move(node), Text(anchor), nullptr});
    if (!open_.back().anchor.empty()) {
      // It stands for nothing before it is complete.
      anchors_[open_.back().anchor] = nullptr;
    }
    return absl::OkStatus();
  }

  absl::Status TakeAlias(const YamlEvent& event) {
    const auto found = anchors_.find(Text(event->data.alias.anchor));
    if (found == anchors_.end()) {
      return mistake_(event.line(),
                      "an alias stands for nothing before it: name an anchor");
    }
    const YamlNodePtr& node = found->second;
    if (node == nullptr) {
      return mistake_(event.line(),
                      "an alias is in what it stands for: write that out");
    }
    if (open_.size() + node->height > limits_.max_nesting) {
      return TooDeep(event.line());
    }
    if (node->weight > alias_budget_) {
      return mistake_(event.line(),
                      "the aliases stand for too much: write some of it out");
    }
    alias_budget_ -= node->weight;
    if (absl::Status status = Count(*node); !status.ok()) return status;
    return Add(node, "");
  }

  // A node that is complete goes where it belongs.
  absl::Status Add(YamlNodePtr node, const std::string& anchor) {
    if (!anchor.empty()) anchors_[anchor] = node;
    if (open_.empty()) {
      root_ = std::move(node);
      return absl::OkStatus();
    }
    Open& parent = open_.back();
    parent.node->weight += node->weight;
    parent.node->height = std::max(parent.node->height, node->height + 1);
    if (parent.node->is_list()) {
      parent.node->items.push_back(std::move(node));
    } else if (parent.key == nullptr) {
      parent.key = std::move(node);
    } else {
      parent.node->entries.push_back(
          {std::exchange(parent.key, nullptr), std::move(node)});
    }
    return absl::OkStatus();
  }

  // Before `node` is added.
  absl::Status Count(const YamlNode& node) {
    const bool is_key = !open_.empty() && open_.back().node->is_map() &&
                        open_.back().key == nullptr;
    if (is_key || values_++ < limits_.max_values) return absl::OkStatus();
    return mistake_(node.line,
                    absl::StrCat("there are more than ", limits_.max_values,
                                 " values: make several files of it"));
  }

  absl::Status TooDeep(size_t line) const {
    return mistake_(line, "lists and maps nest too deep: make the value flatter");
  }

  static std::string Text(const unsigned char* text) {
    return text == nullptr ? "" : reinterpret_cast<const char*>(text);
  }

  YamlEvents events_;
  const YamlLimits limits_;
  const YamlMistake mistake_;
  uint64_t alias_budget_;
  size_t values_ = 0;
  size_t documents_ = 0;
  std::vector<Open> open_;
  // By name; null while it is not complete. The last of a name counts.
  std::unordered_map<std::string, YamlNodePtr> anchors_;
  YamlNodePtr root_;
};

// What libyaml would take otherwise than YAML 1.2 has it, or for too long.
absl::Status CheckText(std::string_view text, YamlMistake mistake) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    return mistake(1, "it is UTF-16: save it as UTF-8");
  }
  size_t line = 1;
  size_t directives = 0;
  bool line_begins = true;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (line_begins && c == '%' && ++directives > kMostDirectives) {
      return mistake(line, absl::StrCat("more than ", kMostDirectives,
                                        " lines begin with %: indent them"));
    }
    line_begins = c == '\n' || c == '\r';
    if (c == '\n') ++line;
    if (c == '\0') {
      return mistake(line, "there is a NUL byte: remove it, or save the file "
                           "as UTF-8");
    }
    const std::string_view rest = text.substr(i, 3);
    if (rest.starts_with("\xc2\x85") || rest == "\xe2\x80\xa8" ||
        rest == "\xe2\x80\xa9") {
      return mistake(line, "there is a line end of another kind (U+0085, U+2028 "
                           "or U+2029): write it with an escape, \"\\u2028\"");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<YamlNodePtr> ReadYaml(std::string_view text,
                                     const YamlLimits& limits,
                                     YamlMistake mistake) {
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  if (absl::Status status = CheckText(text, mistake); !status.ok()) {
    return status;
  }
  return Builder(text, limits, mistake).Build();
}

}  // namespace restate
