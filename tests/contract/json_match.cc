#include "tests/contract/json_match.h"

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/support/json.h"

namespace restate::test {
namespace {

// Fields that differ from run to run: compared only where a scenario names
// them.
const std::set<std::string>& Incidental() {
  static const auto* names =
      new std::set<std::string>{"revision", "epoch", "commitTime", "origin"};
  return *names;
}

std::string ValueOf(const std::string& name, const Variables& variables) {
  const auto found = variables.find(name);
  if (found == variables.end()) {
    std::cerr << "the scenario uses $" << name << " before saving it"
              << std::endl;
    std::abort();
  }
  return found->second;
}

int64_t NumberOf(const std::string& text) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) {
    std::cerr << "'" << text << "' is no number" << std::endl;
    std::abort();
  }
  return number;
}

std::string SubstituteText(const std::string& text,
                           const Variables& variables) {
  if (text.empty() || text[0] != '$') return text;
  if (text.size() > 1 && text[1] == '$') return text.substr(1);
  const size_t plus = text.find('+');
  if (plus == std::string::npos) return ValueOf(text.substr(1), variables);
  return absl::StrCat(NumberOf(ValueOf(text.substr(1, plus - 1), variables)) +
                      NumberOf(text.substr(plus + 1)));
}

// Walks expected and actual together.
class Matcher {
 public:
  explicit Matcher(const Variables& variables) : variables_(variables) {}

  std::optional<std::string> Compare(const Json& expected, const Json& actual,
                                     const std::string& where,
                                     bool inside_json) const {
    if (expected.kind_case() == Json::kStringValue) {
      return CompareText(expected.string_value(), actual, where);
    }
    if (expected.kind_case() != actual.kind_case()) {
      return Differ(expected, actual, where);
    }
    if (expected.has_struct_value()) {
      return CompareObjects(expected, actual, where, inside_json);
    }
    if (expected.has_list_value()) {
      return CompareLists(expected, actual, where, inside_json);
    }
    if (PrintJson(expected) != PrintJson(actual)) {
      return Differ(expected, actual, where);
    }
    return std::nullopt;
  }

 private:
  static std::string Differ(const Json& expected, const Json& actual,
                            const std::string& where) {
    return absl::StrCat(where, ": expected ", PrintJson(expected), ", got ",
                        PrintJson(actual));
  }

  std::optional<std::string> CompareText(const std::string& expected,
                                         const Json& actual,
                                         const std::string& where) const {
    if (expected == "$any") return std::nullopt;
    Json plain;
    if (expected.rfind("$>", 0) == 0) {
      const std::string bound = ValueOf(expected.substr(2), variables_);
      if (actual.has_string_value() &&
          NumberOf(actual.string_value()) > NumberOf(bound)) {
        return std::nullopt;
      }
      plain.set_string_value("more than " + bound);
      return Differ(plain, actual, where);
    }
    plain.set_string_value(SubstituteText(expected, variables_));
    if (!actual.has_string_value() ||
        plain.string_value() != actual.string_value()) {
      return Differ(plain, actual, where);
    }
    return std::nullopt;
  }

  std::optional<std::string> CompareObjects(const Json& expected,
                                            const Json& actual,
                                            const std::string& where,
                                            bool inside_json) const {
    for (const auto& [name, value] : expected.struct_value().fields()) {
      const std::string at = absl::StrCat(where, ".", name);
      const Json* found = Field(actual, name);
      if (found == nullptr) {
        return absl::StrCat(at, ": expected ", PrintJson(value),
                            ", got nothing, in ", PrintJson(actual));
      }
      if (auto difference =
              Compare(value, *found, at, inside_json || name == "json")) {
        return difference;
      }
    }
    for (const auto& [name, value] : actual.struct_value().fields()) {
      if (!inside_json && Incidental().count(name) > 0) continue;
      if (Field(expected, name) == nullptr) {
        return absl::StrCat(where, ".", name, ": expected nothing, got ",
                            PrintJson(value));
      }
    }
    return std::nullopt;
  }

  std::optional<std::string> CompareLists(const Json& expected,
                                          const Json& actual,
                                          const std::string& where,
                                          bool inside_json) const {
    const auto& want = expected.list_value().values();
    const auto& have = actual.list_value().values();
    for (int i = 0; i < want.size() && i < have.size(); ++i) {
      if (auto difference =
              Compare(want[i], have[i], absl::StrCat(where, "[", i, "]"),
                      inside_json)) {
        return difference;
      }
    }
    if (want.size() == have.size()) return std::nullopt;
    return absl::StrCat(where, ": expected ", want.size(), " items, got ",
                        have.size());
  }

  const Variables& variables_;
};

}  // namespace

Json ParseJson(const std::string& text) { return FromJson<Json>(text); }

std::string PrintJson(const Json& json) { return ToJson(json); }

const Json* Field(const Json& object, const std::string& name) {
  const auto& fields = object.struct_value().fields();
  const auto found = fields.find(name);
  return found == fields.end() ? nullptr : &found->second;
}

std::string TextField(const Json& object, const std::string& name) {
  const Json* field = Field(object, name);
  return field == nullptr ? "" : field->string_value();
}

Json Substitute(const Json& json, const Variables& variables) {
  Json result = json;
  if (json.has_string_value()) {
    result.set_string_value(SubstituteText(json.string_value(), variables));
  } else if (json.has_struct_value()) {
    for (auto& [name, value] :
         *result.mutable_struct_value()->mutable_fields()) {
      value = Substitute(value, variables);
    }
  } else if (json.has_list_value()) {
    for (Json& item : *result.mutable_list_value()->mutable_values()) {
      item = Substitute(item, variables);
    }
  }
  return result;
}

std::optional<std::string> Mismatch(const Json& expected, const Json& actual,
                                    const Variables& variables) {
  return Matcher(variables).Compare(expected, actual, "answer", false);
}

}  // namespace restate::test
