#include "engine/yaml/yaml_reader.h"

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using ::testing::HasSubstr;

absl::Status Mistake(size_t line, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(line, ": ", std::string(what)));
}

absl::StatusOr<YamlNodePtr> Read(std::string_view text,
                                 YamlLimits limits = {}) {
  return ReadYaml(text, limits, Mistake);
}

std::string ErrorOf(std::string_view text, YamlLimits limits = {}) {
  return std::string(Read(text, limits).status().message());
}

// "{a: [1, 'x'], b: !!int 2}" with tags in front of what has one.
std::string Show(const YamlNode& node) {
  std::string shown;
  switch (node.kind) {
    case YamlNode::Kind::kScalar:
      return node.tag.empty() ? node.text
                              : absl::StrCat("<", node.tag, ">", node.text);
    case YamlNode::Kind::kList:
      for (const YamlNodePtr& item : node.items) {
        absl::StrAppend(&shown, shown.empty() ? "" : ",", Show(*item));
      }
      return absl::StrCat("[", shown, "]");
    case YamlNode::Kind::kMap:
      for (const YamlNode::Entry& entry : node.entries) {
        absl::StrAppend(&shown, shown.empty() ? "" : ",", Show(*entry.key),
                        "=", Show(*entry.value));
      }
      return absl::StrCat("{", shown, "}");
  }
  return "";
}

std::string Shown(std::string_view text) {
  const absl::StatusOr<YamlNodePtr> read = Read(text);
  if (!read.ok()) return std::string(read.status().message());
  return *read == nullptr ? "nothing" : Show(**read);
}

TEST(YamlReaderTest, ReadsWhatPeopleWrite) {
  EXPECT_EQ(Shown(""), "nothing");
  EXPECT_EQ(Shown("# only this\n"), "nothing");
  EXPECT_EQ(Shown("---\n"), "");
  EXPECT_EQ(Shown("a: 1\nb:\n- x\n- y: z\n"), "{a=1,b=[x,{y=z}]}");
  EXPECT_EQ(Shown("{\"a\":1, b: [2,'3']}"), "{<!>a=1,b=[2,<!>3]}");
  EXPECT_EQ(Shown("a: !!str 1\n"), "{a=<tag:yaml.org,2002:str>1}");
  EXPECT_EQ(Shown("%YAML 1.2\n---\na\n...\n"), "a");
  EXPECT_EQ(Shown("\xef\xbb\xbf" "a: 1\r\nb: 2\r\n"), "{a=1,b=2}");
  EXPECT_EQ(Shown("a: &x {k: 1}\nb: *x\nc: &x 2\nd: *x\n"),
            "{a={k=1},b={k=1},c=2,d=2}");
  EXPECT_EQ(Shown("<<: {a: 1}\na: 2\na: 3\n"), "{<<={a=1},a=2,a=3}");
  EXPECT_EQ(Shown("|\n  two\n  lines\n"), "<!>two\nlines\n");
}

TEST(YamlReaderTest, SeesTheTagThatSaysText) {
  EXPECT_EQ(Shown("! 1"), "<!>1");
  EXPECT_EQ(Shown("ä: ! 1\nö: [2, &a ! 3, *a, &b 4]\n"),
            "{ä=<!>1,ö=[2,<!>3,<!>3,4]}");
  EXPECT_EQ(Shown("- ! {a: 1}\n- !!map {b: 2}\n- !!seq []\n"),
            "[{a=1},{b=2},[]]");
}

TEST(YamlReaderTest, KnowsTheLine) {
  const absl::StatusOr<YamlNodePtr> read = Read("# c\na: 1\n\nb:\n  - x\n");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)->line, 2u);
  EXPECT_EQ((*read)->entries[1].key->line, 4u);
  EXPECT_EQ((*read)->entries[1].value->items[0]->line, 5u);
}

TEST(YamlReaderTest, LeavesNothingOutSilently) {
  EXPECT_THAT(ErrorOf("\"dark\",\n"), HasSubstr("1: this is not YAML"));
  EXPECT_THAT(ErrorOf("a: 1\nb: [\n"), HasSubstr("3: this is not YAML"));
  EXPECT_THAT(ErrorOf("a: 1\nb: ["), HasSubstr("2: this is not YAML"));
  EXPECT_THAT(ErrorOf("a: 1\n}\n"), HasSubstr("2: this is not YAML"));
  EXPECT_THAT(ErrorOf("a\n---\nb\n"), HasSubstr("2: there are several"));
  EXPECT_THAT(ErrorOf("a\n---\n"), HasSubstr("2: there are several"));
  EXPECT_THAT(ErrorOf("a: !mine [1]\n"), HasSubstr("1: the tag \"!mine\""));
  EXPECT_THAT(ErrorOf("!!set {a, b}\n"), HasSubstr("is not known"));
  EXPECT_THAT(ErrorOf("!!seq {a: b}\n"), HasSubstr("is not known"));
  EXPECT_THAT(ErrorOf(std::string("a: 1\n\0b: 2\n", 11)),
              HasSubstr("2: there is a NUL byte"));
  EXPECT_THAT(ErrorOf("\xff\xfe" "a"), HasSubstr("1: it is UTF-16"));
  EXPECT_THAT(ErrorOf("a: 1\nb: \xff\n"), HasSubstr("2: this is not YAML"));
  EXPECT_THAT(ErrorOf("a: 1\nb: \x01\n"), HasSubstr("2: this is not YAML"));
  EXPECT_THAT(ErrorOf("a: x\xe2\x80\xa8y\n"), HasSubstr("1: there is a line"));
  EXPECT_THAT(ErrorOf("a: *b\n"), HasSubstr("1: an alias stands for nothing"));
  EXPECT_THAT(ErrorOf("&a [*a]\n"), HasSubstr("1: an alias is in what it"));
}

TEST(YamlReaderTest, StopsAtItsLimits) {
  const std::string deep =
      std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_THAT(ErrorOf(deep), HasSubstr("1: lists and maps nest too deep"));
  std::string dashes;
  for (int i = 0; i < 100'000; ++i) dashes += "- ";
  EXPECT_THAT(ErrorOf(dashes), HasSubstr("1: lists and maps nest too deep"));
  EXPECT_EQ(ErrorOf("[[1]]", {.max_nesting = 2}), "");
  EXPECT_THAT(ErrorOf("[[1]]", {.max_nesting = 1}), HasSubstr("too deep"));
  EXPECT_EQ(ErrorOf("{a: [1, 2]}", {.max_values = 4}), "");
  EXPECT_EQ(ErrorOf("{a: [1, 2,\n3]}", {.max_values = 4}),
            "2: there are more than 4 values: make several files of it");
}

// An alias adds the levels of what it stands for.
TEST(YamlReaderTest, CountsTheLevelsOfAliases) {
  std::string text = "- &a0 [1]\n";
  for (int i = 1; i < 1000; ++i) {
    absl::StrAppend(&text, "- &a", i, " [*a", i - 1, "]\n");
  }
  EXPECT_THAT(ErrorOf(text), HasSubstr("lists and maps nest too deep"));
}

// The "billion laughs".
TEST(YamlReaderTest, BoundsWhatAliasesStandFor) {
  std::string text = "a: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string below = absl::StrCat("*a", i - 1);
    absl::StrAppend(&text, "b", i, ": &a", i, " [", below);
    for (int j = 0; j < 8; ++j) absl::StrAppend(&text, ",", below);
    absl::StrAppend(&text, "]\n");
  }
  EXPECT_THAT(ErrorOf(text), HasSubstr("the aliases stand for too much"));
  // One long text, named often.
  text = absl::StrCat("- &a ", std::string(100'000, 'x'), "\n");
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&text, "- *a\n");
  EXPECT_THAT(ErrorOf(text), HasSubstr("the aliases stand for too much"));
}

// libyaml compares each %TAG with all before it, and spells out what it
// abbreviates for each node.
TEST(YamlReaderTest, BoundsDirectives) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) {
    absl::StrAppend(&text, "%TAG !a", i, "! b\n");
  }
  EXPECT_EQ(ErrorOf(text + "--- a\n"),
            "17: more than 16 lines begin with %: indent them");
  EXPECT_EQ(ErrorOf("a\n...\n" + text),
            "19: more than 16 lines begin with %: indent them");
  text = absl::StrCat("%TAG !a! ", std::string(100'000, 'b'), "\n---\n");
  for (int i = 0; i < 100'000; ++i) absl::StrAppend(&text, "- !a!c x\n");
  EXPECT_THAT(ErrorOf(text), HasSubstr("a tag is not known"));
}

// Texts over which YAML parsers have hung or grown without end, with many
// mutations of each: each ends, soon, one way or the other. The first two are
// yaml-cpp's bugs 1318 and 1319, for which it has been left.
TEST(YamlReaderTest, EndsWithAnyText) {
  const std::vector<std::string> seeds = {
      "\"dark\",\n",
      "- macro: m\n  condition:\n    (a = 1 and b in (\n\"/usr\",\n    \"-c\"\n"
      "    )  )\n    )\n",
      "a: &x {k: [1, 2], \"q\": 'p'}\nb: *x\n? c\n: - d\n  - |\n    text\n",
      "%YAML 1.2\n%TAG !e! tag:e,2000:\n---\n!e!a {b: !!str c}\n...\n---\n",
      "{a: {b: {c: [[[[{}]]]]}}, \"d\":e, ? f, : g}\n",
      "- >+2\n\n   folded\n\n\n- \"\\x41\\u2028\\\n   b\"\n- 'it''s'\n",
      "? - a\n  - b\n: !!binary |\n  AP8=\n<<: *none\n",
  };
  std::minstd_rand random(20240117);
  const std::string alphabet("\"',:[]{}&*!|>%@`#?- \t\n\r\\ax0\xc3\xa4\0", 33);
  for (const std::string& seed : seeds) {
    for (int round = 0; round < 1000; ++round) {
      std::string text = seed;
      const int changes = 1 + static_cast<int>(random() % 4);
      for (int i = 0; i < changes; ++i) {
        const size_t at = random() % (text.size() + 1);
        const char c = alphabet[random() % alphabet.size()];
        switch (random() % 4) {
          case 0:
            text.insert(at, 1, c);
            break;
          case 1:
            text.erase(at, 1 + random() % 3);
            break;
          case 2:
            if (at < text.size()) text[at] = c;
            break;
          default:
            // A part, many times.
            const std::string part = text.substr(at, random() % 8);
            for (int n = 0; n < 50; ++n) text.insert(at, part);
        }
        if (text.empty()) text = ":";
      }
      const absl::StatusOr<YamlNodePtr> read = Read(text);
      if (read.ok() && *read != nullptr) {
        // Within what aliases may add.
        ASSERT_LE((*read)->weight, (11 << 20) + 12 * text.size()) << seed;
        ASSERT_LE((*read)->height, 64u);
      }
    }
  }
}

// Steps grow with the size, not with its square: a square would not end before
// the test does.
TEST(YamlReaderTest, TakesStepsInProportion) {
  constexpr size_t kBytes = 200'000;
  for (const std::string part :
       {"\"", "'", "[", "{", "- ", "? ", ": ", "a: ", "&a ", "*a ", "!", "!a ",
        "|\n", ">\n", "%a\n", "#", "\n", "\r", "\t", "\\", "a\n", "a,", "[a,",
        "{a: b}, ", "- - -\n", "\"a\",\n", "? a\n", "!!str ", "---\n", "...\n",
        "a: b\n", " a", "&a [*a, ", "'a' : ", "- {\n", "- [a: ", "\"\\\n"}) {
    std::string text;
    while (text.size() < kBytes) text += part;
    for (const char* before : {"", "[", "- "}) {
      const absl::Status status = Read(before + text).status();
      EXPECT_TRUE(status.ok() ||
                  status.code() == absl::StatusCode::kInvalidArgument)
          << before << part << ": " << status;
    }
  }
}

}  // namespace
}  // namespace restate
