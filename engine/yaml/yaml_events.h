#ifndef RESTATE_ENGINE_YAML_YAML_EVENTS_H_
#define RESTATE_ENGINE_YAML_YAML_EVENTS_H_

#include <yaml.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace restate {

// An event of libyaml's, with what it holds. REQUIRES: filled by YamlEvents.
class YamlEvent {
 public:
  YamlEvent() = default;
  YamlEvent(const YamlEvent&) = delete;
  YamlEvent& operator=(const YamlEvent&) = delete;
  ~YamlEvent() { yaml_event_delete(&event_); }

  yaml_event_type_t type() const { return event_.type; }
  const yaml_event_t& operator*() const { return event_; }
  const yaml_event_t* operator->() const { return &event_; }
  // Counted from 1.
  size_t line() const { return event_.start_mark.line + 1; }

 private:
  friend class YamlEvents;
  yaml_event_t event_ = {};
};

// The events of a text in UTF-8, one after the other: libyaml's parser, which
// looks ahead by about a thousand characters and keeps no more.
class YamlEvents {
 public:
  // `text` outlives this.
  explicit YamlEvents(std::string_view text);
  YamlEvents(const YamlEvents&) = delete;
  YamlEvents& operator=(const YamlEvents&) = delete;
  ~YamlEvents();

  // Puts the next event into `event`, which is fresh. False if the text is no
  // YAML; then nothing else may be called but the two below.
  bool Next(YamlEvent* event);
  std::string Problem() const;
  size_t ProblemLine() const;

  // Whether the plain scalar of this event has the tag "!", which libyaml leaves
  // out of the event. Events are asked about in order.
  bool HasNonSpecificTag(const YamlEvent& event);

 private:
  // The place in the text of a character. REQUIRES: not before the last one.
  size_t ByteOf(size_t character);

  const std::string_view text_;
  yaml_parser_t parser_ = {};
  bool made_ = false;
  size_t byte_ = 0;
  size_t character_ = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_YAML_YAML_EVENTS_H_
