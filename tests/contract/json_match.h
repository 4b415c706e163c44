#ifndef RESTATE_TESTS_CONTRACT_JSON_MATCH_H_
#define RESTATE_TESTS_CONTRACT_JSON_MATCH_H_

#include <map>
#include <optional>
#include <string>

#include "google/protobuf/struct.pb.h"

namespace restate::test {

using Json = google::protobuf::Value;

// What a scenario remembers: the texts behind "$name".
using Variables = std::map<std::string, std::string>;

// Parses a JSON text. Aborts the test binary if it is none.
Json ParseJson(const std::string& text);
// On one line.
std::string PrintJson(const Json& json);

// The field called `name` of an object; null if there is none.
const Json* Field(const Json& object, const std::string& name);
// As Field, for text; empty if there is none.
std::string TextField(const Json& object, const std::string& name);

// `json` with every "$name" and "$name+5" in it replaced, and "$$" at the start
// of a text made "$". Aborts the test binary on a variable that is not set.
Json Substitute(const Json& json, const Variables& variables);

// Compares an answer with what a scenario expects; nullopt if it fits, else
// what does not. README.md in this folder says what fits.
std::optional<std::string> Mismatch(const Json& expected, const Json& actual,
                                    const Variables& variables);

}  // namespace restate::test

#endif  // RESTATE_TESTS_CONTRACT_JSON_MATCH_H_
