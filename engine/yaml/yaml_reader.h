#ifndef RESTATE_ENGINE_YAML_YAML_READER_H_
#define RESTATE_ENGINE_YAML_YAML_READER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/yaml/yaml_node.h"

namespace restate {

// What a text may hold.
struct YamlLimits {
  // Levels of lists and maps, aliases followed.
  size_t max_nesting = 64;
  // Values, keys not counted, and an alias counted as one.
  size_t max_values = SIZE_MAX;
};

// Makes the error of a mistake on a line, counted from 1.
using YamlMistake =
    absl::FunctionRef<absl::Status(size_t line, std::string_view what)>;

// Reads a YAML text of one document, which may come from anybody. Memory and
// steps are bounded by a multiple of its size; what aliases stand for is too,
// each of them counted as if it were written out.
//
// Gives the value of the document, or null if there is none (an empty text, or
// one of comments). Errors, each made by `mistake`: what is no YAML; several
// documents; limits; an alias in what it stands for; a list or a map with a tag
// other than its own; a NUL, UTF-16, and what is not UTF-8; the line ends of YAML
// 1.1 alone (U+0085, U+2028, U+2029), which YAML 1.2 takes for text. Nothing of
// the text is left out silently.
//
// Keys that are there twice, and tags of scalars, are the caller's to judge.
// `<<` is an ordinary key. A byte order mark of UTF-8 is skipped.
absl::StatusOr<YamlNodePtr> ReadYaml(std::string_view text,
                                     const YamlLimits& limits,
                                     YamlMistake mistake);

}  // namespace restate

#endif  // RESTATE_ENGINE_YAML_YAML_READER_H_
