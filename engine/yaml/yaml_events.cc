#include "engine/yaml/yaml_events.h"

#include <algorithm>
#include <cstring>

namespace restate {

YamlEvents::YamlEvents(std::string_view text) : text_(text) {
  made_ = yaml_parser_initialize(&parser_) != 0;
  if (!made_) return;
  yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(
      &parser_, reinterpret_cast<const unsigned char*>(text.data()),
      text.size());
}

YamlEvents::~YamlEvents() {
  if (made_) yaml_parser_delete(&parser_);
}

bool YamlEvents::Next(YamlEvent* event) {
  return made_ && yaml_parser_parse(&parser_, &event->event_) != 0;
}

std::string YamlEvents::Problem() const {
  if (!made_ || parser_.error == YAML_MEMORY_ERROR) {
    return "there is not enough memory for it";
  }
  std::string problem =
      parser_.problem == nullptr ? "it ends too early" : parser_.problem;
  if (parser_.context != nullptr) {
    problem += std::string(" ") + parser_.context;
  }
  return problem;
}

size_t YamlEvents::ProblemLine() const {
  if (!made_) return 1;
  const size_t offset = parser_.error == YAML_READER_ERROR
                            ? std::min(parser_.problem_offset, text_.size())
                            : text_.size();
  const std::string_view before = text_.substr(0, offset);
  const size_t line = 1 + std::count(before.begin(), before.end(), '\n');
  if (parser_.error == YAML_READER_ERROR) return line;
  // libyaml ends a text without a line end with a line of its own.
  return std::min(parser_.problem_mark.line + 1, line);
}

size_t YamlEvents::ByteOf(size_t character) {
  for (; character_ < character && byte_ < text_.size(); ++character_) {
    do {
      ++byte_;
    } while (byte_ < text_.size() &&
             (static_cast<unsigned char>(text_[byte_]) & 0xc0) == 0x80);
  }
  return byte_;
}

bool YamlEvents::HasNonSpecificTag(const YamlEvent& event) {
  const size_t character = event->start_mark.index;
  if (character < character_) return false;
  std::string_view rest = text_.substr(ByteOf(character));
  const unsigned char* anchor = event->data.scalar.anchor;
  if (anchor != nullptr && rest.starts_with('&')) {
    rest.remove_prefix(std::min(
        rest.size(), 1 + std::strlen(reinterpret_cast<const char*>(anchor))));
    const size_t next = rest.find_first_not_of(" \t\r\n");
    rest.remove_prefix(std::min(next, rest.size()));
  }
  return rest.starts_with('!');
}

}  // namespace restate
