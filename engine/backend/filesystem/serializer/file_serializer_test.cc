#include "engine/backend/filesystem/serializer/file_serializer.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using testing::HasSubstr;

Value MapOf(std::vector<std::pair<std::string, Value>> entries) {
  Value::Map map;
  for (auto& [key, value] : entries) map = map.Set(key, std::move(value));
  return Value::MakeMap(std::move(map));
}

Value DoubleOfBits(uint64_t bits) {
  return Value::Double(std::bit_cast<double>(bits));
}

class FileSerializerTest : public testing::TestWithParam<FileFormat> {
 protected:
  void ExpectRoundTrip(const Value& value) {
    SCOPED_TRACE(value.DebugString());
    const std::string text = serializer_->Serialize(value);
    absl::StatusOr<Value> read = serializer_->Parse(text);
    ASSERT_TRUE(read.ok()) << read.status() << "\n" << text;
    EXPECT_TRUE(Value::Identical(*read, value))
        << read->DebugString() << "\n" << text;
  }

  const std::unique_ptr<const FileSerializer> serializer_ =
      MakeFileSerializer(GetParam());
};

TEST_P(FileSerializerTest, KeepsEveryKindExactly) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<Value> scalars = {
      Value::Null(),
      Value::Bool(true),
      Value::Bool(false),
      Value::Int(0),
      Value::Int(-1),
      Value::Int(std::numeric_limits<int64_t>::min()),
      Value::Int(std::numeric_limits<int64_t>::max()),
      Value::Int((int64_t{1} << 53) + 1),
      Value::Double(0.0),
      Value::Double(-0.0),
      Value::Double(0.1),
      Value::Double(1.0),
      Value::Double(1e20),
      Value::Double(-1e300),
      Value::Double(9007199254740993.0),
      Value::Double(std::numeric_limits<double>::max()),
      Value::Double(std::numeric_limits<double>::min()),
      Value::Double(std::numeric_limits<double>::denorm_min()),
      Value::Double(infinity),
      Value::Double(-infinity),
      Value::Double(std::nan("")),
      DoubleOfBits(0xfff8000000000000),
      DoubleOfBits(0x7ff8000000000001),
      DoubleOfBits(0x7ff0000000000001),
      Value::String(""),
      Value::String(" "),
      Value::String("plain"),
      Value::String("Zo\xc3\xab \xf0\x9f\x8c\xb3 \xe2\x80\xa8 \xef\xbb\xbf"),
      Value::String(std::string("\0\x01\x1f\x7f\xc2\x80\xc2\x85\xc2\x9f", 10)),
      Value::String("\xef\xbb\xbf"),
      Value::String("\xef\xbf\xbe\xef\xbf\xbf"),
      Value::String("two\nlines\n"),
      Value::String("\r\n\t\"quoted\" \\ 'single' # : - ? | > & * ! % @ `"),
      Value::Bytes(""),
      Value::Bytes(std::string("\0\xff\x80", 3)),
      Value::Bytes("text"),
      Value::MakeList({}),
      Value::EmptyMap(),
  };
  for (const Value& value : scalars) {
    ExpectRoundTrip(value);
    ExpectRoundTrip(Value::MakeList({value, value}));
    ExpectRoundTrip(MapOf({{"k", value}}));
  }
  ExpectRoundTrip(Value::MakeList(scalars));
}

TEST_P(FileSerializerTest, KeepsStringsThatLookLikeSomethingElse) {
  for (const char* text :
       {"1",     "1.0",   "-0",   "0x1f",  "0o17",  "1e5",   ".5",   "true",
        "True",  "yes",   "no",   "on",    "off",   "y",     "null", "~",
        "Null",  ".nan",  ".inf", "-.inf", "NaN",   "---",   "...",  "- a",
        "a: b",  "[a]",   "{a}",  "2024-01-02",     "=",     "<<",   "!x",
        "&x",    "*x",    "0b1",  "1_000", "12:30", "'",     "\"",   "#a"}) {
    ExpectRoundTrip(Value::String(text));
    ExpectRoundTrip(MapOf({{text, Value::Int(1)}, {"z", Value::Int(2)}}));
    ExpectRoundTrip(Value::MakeList({Value::String(text)}));
  }
}

TEST_P(FileSerializerTest, KeepsMapsThatLookLikeTags) {
  for (const char* key : {"$bytes", "$double", "$map"}) {
    ExpectRoundTrip(MapOf({{key, Value::String("NaN")}}));
    ExpectRoundTrip(MapOf({{key, MapOf({{key, Value::Bytes("x")}})}}));
    ExpectRoundTrip(MapOf({{key, Value::Int(1)}, {"other", Value::Int(2)}}));
    ExpectRoundTrip(MapOf({{key, Value::EmptyMap()}}));
  }
  ExpectRoundTrip(MapOf({{"$ref", Value::String("x")}}));
}

TEST_P(FileSerializerTest, KeepsNestingAndAwkwardKeys) {
  ExpectRoundTrip(MapOf(
      {{"/", Value::Int(3)},
       {"a", MapOf({{"b", Value::MakeList({Value::MakeList({Value::Int(1)}),
                                           MapOf({{"c", Value::Null()},
                                                  {"d", Value::EmptyMap()}}),
                                           Value::EmptyMap()})}})},
       {"~", Value::EmptyMap()},
       {"\x01", Value::MakeList({})},
       {std::string(255, '\x01'), Value::Int(1)},
       {std::string(255, '\x02'), MapOf({{"x", Value::Int(1)}})},
       {"\xc3\xa9t\xc3\xa9", Value::Int(2)}}));
  ExpectRoundTrip(Value::MakeList({MapOf({{"", Value::Int(1)}}),
                                   MapOf({{std::string(5000, 'k'),
                                           Value::MakeList({Value::Int(1)})}})}));
  Value deep = Value::Int(30);
  for (int i = 0; i < 30; ++i) {
    deep = i % 2 == 0 ? MapOf({{"a", deep}}) : Value::MakeList({deep, deep.kind() == Value::Kind::kInt ? deep : Value::Null()});
  }
  ExpectRoundTrip(deep);
}

TEST_P(FileSerializerTest, KeepsRandomDoubles) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  Value::List list;
  for (int i = 0; i < 10'000; ++i) list.push_back(DoubleOfBits(random()));
  const Value all = Value::MakeList(list);
  absl::StatusOr<Value> read = serializer_->Parse(serializer_->Serialize(all));
  ASSERT_TRUE(read.ok()) << read.status();
  for (size_t i = 0; i < list.size(); ++i) {
    ASSERT_TRUE(Value::Identical(read->as_list()[i], list[i]))
        << std::bit_cast<uint64_t>(list[i].as_double());
  }
}

TEST_P(FileSerializerTest, RefusesNestingWithoutEndAndEmptyFiles) {
  const char* const open = GetParam() == FileFormat::kTextproto
                               ? "list_value { values {"
                               : "[";
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += open;
  EXPECT_EQ(ErrorReason(serializer_->Parse(text).status()), "INVALID_VALUE");
  EXPECT_EQ(ErrorReason(serializer_->Parse("").status()), "INVALID_VALUE");
  EXPECT_EQ(ErrorReason(serializer_->Parse("\n \n").status()),
            "INVALID_VALUE");
}

// What was seen: behind a NUL a JSON file could say anything.
TEST_P(FileSerializerTest, LeavesNothingOutBehindANul) {
  std::string text = serializer_->Serialize(Value::Int(1));
  EXPECT_TRUE(serializer_->Parse(text).ok());
  for (const char* rest : {"", " ", "2", "garbage"}) {
    const absl::Status status =
        serializer_->Parse(text + std::string(1, '\0') + rest).status();
    EXPECT_EQ(ErrorReason(status), "INVALID_VALUE");
    EXPECT_THAT(std::string(status.message()), HasSubstr("a NUL byte"));
  }
  for (const char* other : {"\xff\xfe" "1", "\xfe\xff" "1", "\xff"}) {
    EXPECT_EQ(ErrorReason(serializer_->Parse(other).status()), "INVALID_VALUE");
  }
}

TEST_P(FileSerializerTest, CountsValuesWhileItReads) {
  const Value value = MapOf({{"a", Value::MakeList(Value::List(
                                       1000, Value::String("x")))}});
  const std::string text = serializer_->Serialize(value);
  EXPECT_TRUE(serializer_->Parse(text, 1002).ok());
  const absl::Status status = serializer_->Parse(text, 300).status();
  EXPECT_EQ(ErrorReason(status), "INVALID_VALUE");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("there are more than 300 values"));
}

// What was seen: a YAML file with one line copied from JSON, "dark", took all
// the memory there was (yaml-cpp's bugs 1318 and 1319). Here that, and thousands
// of mutations of what people write: each is read or refused, and what is read
// is written and read again the same.
TEST_P(FileSerializerTest, EndsWithAnyMutation) {
  const std::vector<std::string> seeds = {
      "\"dark\",\n",
      "- macro: m\n  condition:\n    (a in (\n\"/usr\",\n    \"-c\"\n    )  )\n",
      "a: &x {k: [1, 2.5], \"q\": 'p'}\nb: *x\n? c\n: - d\n",
      "{\"a\": [1, -2.5e3, true, null, {\"$bytes\": \"AP8=\"}], \"b\": {}}",
      "{\"$map\": {\"$double\": \"NaN\"}}",
      serializer_->Serialize(MapOf(
          {{"a", Value::MakeList({Value::Int(1), Value::Double(2.5),
                                  Value::Bytes("\x01\xff")})},
           {"b", MapOf({{"c", Value::String("text\n")}})}})),
  };
  std::minstd_rand random(42);
  const std::string alphabet = "\"',:[]{}<>&*!|%#?- \t\n\\a1.e$";
  for (const std::string& seed : seeds) {
    for (int round = 0; round < 1000; ++round) {
      std::string text = seed;
      for (int i = static_cast<int>(random() % 3); i >= 0; --i) {
        const size_t at = random() % (text.size() + 1);
        if (random() % 2 == 0) {
          text.insert(at, 1, alphabet[random() % alphabet.size()]);
        } else if (!text.empty()) {
          text.erase(at % text.size(), 1 + random() % 4);
        }
      }
      const absl::StatusOr<Value> read = serializer_->Parse(text);
      if (!read.ok()) {
        ASSERT_EQ(ErrorReason(read.status()), "INVALID_VALUE") << text;
        continue;
      }
      if (!serializer_->CheckStorable(*read).ok()) continue;
      const absl::StatusOr<Value> again =
          serializer_->Parse(serializer_->Serialize(*read));
      ASSERT_TRUE(again.ok()) << text << again.status();
      ASSERT_TRUE(Value::Identical(*again, *read)) << text;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, FileSerializerTest,
                         testing::Values(FileFormat::kJson, FileFormat::kYaml,
                                         FileFormat::kTextproto),
                         [](const auto& info) {
                           return std::string(
                               MakeFileSerializer(info.param)->extension());
                         });

struct Case {
  FileFormat format;
  const char* text;
  Value value;
};

TEST(FileSerializerFormsTest, WritesWhatADocumentationReaderExpects) {
  const std::vector<Case> cases = {
      {FileFormat::kJson, "\"dark\"\n", Value::String("dark")},
      {FileFormat::kJson, "1.0\n", Value::Double(1)},
      {FileFormat::kJson, "{\n  \"$bytes\": \"AP8=\"\n}\n",
       Value::Bytes(std::string("\0\xff", 2))},
      {FileFormat::kJson, "{\n  \"$double\": \"-Infinity\"\n}\n",
       Value::Double(-std::numeric_limits<double>::infinity())},
      {FileFormat::kJson, "{\n  \"a\": [\n    1,\n    {}\n  ]\n}\n",
       MapOf({{"a", Value::MakeList({Value::Int(1), Value::EmptyMap()})}})},
      {FileFormat::kYaml, "dark\n", Value::String("dark")},
      {FileFormat::kYaml, "\"yes\"\n", Value::String("yes")},
      {FileFormat::kYaml, "1.0\n", Value::Double(1)},
      {FileFormat::kYaml, "1.0e+20\n", Value::Double(1e20)},
      {FileFormat::kYaml, ".nan\n", Value::Double(std::nan(""))},
      {FileFormat::kYaml, "!!binary \"AP8=\"\n",
       Value::Bytes(std::string("\0\xff", 2))},
      {FileFormat::kYaml, "a:\n  - 1\n  - b: null\n    c: {}\n",
       MapOf({{"a", Value::MakeList({Value::Int(1),
                                     MapOf({{"b", Value::Null()},
                                            {"c", Value::EmptyMap()}})})}})},
      {FileFormat::kTextproto,
       "# proto-file: restate/v1/value.proto\n"
       "# proto-message: restate.v1.Value\n\n"
       "string_value: \"dark\"\n",
       Value::String("dark")},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(MakeFileSerializer(c.format)->Serialize(c.value), c.text);
  }
}

TEST(FileSerializerFormsTest, ReadsWhatPeopleWrite) {
  const std::vector<Case> cases = {
      {FileFormat::kJson, "18446744073709551615", Value::Double(0x1p64)},
      {FileFormat::kJson, " {\"$bytes\":\"\"} ", Value::Bytes("")},
      {FileFormat::kYaml, "0x10", Value::Int(16)},
      {FileFormat::kYaml, "0o17", Value::Int(15)},
      {FileFormat::kYaml, "+12", Value::Int(12)},
      {FileFormat::kYaml, "9223372036854775808", Value::Double(0x1p63)},
      {FileFormat::kYaml, "yes", Value::String("yes")},
      {FileFormat::kYaml, "~", Value::Null()},
      {FileFormat::kYaml, "'1'", Value::String("1")},
      {FileFormat::kYaml, "!!str 1", Value::String("1")},
      {FileFormat::kYaml, "!!float 1", Value::Double(1)},
      {FileFormat::kYaml, "--- # a comment\n|\n  two\n  lines\n",
       Value::String("two\nlines\n")},
      {FileFormat::kYaml, "a: &x {k: 1}\nb: *x\n",
       MapOf({{"a", MapOf({{"k", Value::Int(1)}})},
              {"b", MapOf({{"k", Value::Int(1)}})}})},
      {FileFormat::kYaml, "! 1", Value::String("1")},
      {FileFormat::kYaml, "! {a: ! 2}", MapOf({{"a", Value::String("2")}})},
      {FileFormat::kYaml, "<<: 1", MapOf({{"<<", Value::Int(1)}})},
      {FileFormat::kYaml, "a:1", Value::String("a:1")},
      {FileFormat::kYaml, "{a:1}", MapOf({{"a:1", Value::Null()}})},
      {FileFormat::kYaml, "\xef\xbb\xbf" "1", Value::Int(1)},
      {FileFormat::kJson, "\xef\xbb\xbf" "1", Value::Int(1)},
      {FileFormat::kTextproto, "\xef\xbb\xbf" "int_value: 1", Value::Int(1)},
      {FileFormat::kYaml, "1: a", MapOf({{"1", Value::String("a")}})},
      {FileFormat::kTextproto, "int_value: 3 # three", Value::Int(3)},
  };
  for (const Case& c : cases) {
    absl::StatusOr<Value> read = MakeFileSerializer(c.format)->Parse(c.text);
    ASSERT_TRUE(read.ok()) << c.text << read.status();
    EXPECT_TRUE(Value::Identical(*read, c.value))
        << c.text << " reads " << read->DebugString();
  }
}

TEST(FileSerializerFormsTest, NamesTheLineOfAMistake) {
  struct Mistake {
    FileFormat format;
    const char* text;
    const char* says;
  };
  const std::vector<Mistake> mistakes = {
      {FileFormat::kJson, "{\n  \"a\": 1,\n  b\n}", "line 3: this is not JSON"},
      {FileFormat::kJson, "{\n  \"a\": 1", "line 2: this is not JSON"},
      {FileFormat::kJson, "{\n\"a\": 1,\n\"a\": 2}", "line 3: the key \"a\""},
      {FileFormat::kJson, "1 2", "line 1: this is not JSON"},
      {FileFormat::kJson, "NaN", "line 1: this is not JSON"},
      {FileFormat::kJson, "{\"$bytes\": 1}", "{\"$bytes\": ...} takes a string"},
      {FileFormat::kYaml, "a: 1\nb: [", "line 2: this is not YAML"},
      {FileFormat::kYaml, "a: 1\na: 2\n", "line 2: the key \"a\" is there twice"},
      {FileFormat::kYaml, "a: 1\nb: !mine 2\n", "line 2: the tag \"!mine\""},
      {FileFormat::kYaml, "a\n---\nb\n", "several documents"},
      {FileFormat::kYaml, "? [a]\n: 1", "line 1: a key is a list or a map"},
      {FileFormat::kYaml, "&a [*a]", "line 1: "},
      {FileFormat::kYaml, "a: !mine {b: 1}", "line 1: the tag \"!mine\""},
      {FileFormat::kYaml, "a:\n- !mine []", "line 2: the tag \"!mine\""},
      {FileFormat::kYaml, "!!int 1: a", "line 1: the key \"1\" has the tag"},
      {FileFormat::kYaml, "~: a", "line 1: a key is null"},
      {FileFormat::kYaml, "\"dark\",\n", "line 1: this is not YAML"},
      {FileFormat::kTextproto,
       "map_value { fields { key: \"a\" value { int_value: 1 } }\n"
       "fields { key: \"a\" value { int_value: 2 } } }",
       "a key of a map is there twice"},
      {FileFormat::kTextproto, "int_value: 1 unknown: 2", "line 1: "},
      {FileFormat::kTextproto, "int_value: 1 [a.b]: 2", "line 1: "},
      {FileFormat::kTextproto, "int_value: 1 int_value: 2", "line 1: "},
      {FileFormat::kTextproto, "int_value: 1 bool_value: true", "line 1: "},
      {FileFormat::kTextproto, "\nint_value: x", "line 2: this is not a"},
      {FileFormat::kTextproto, "string_value: \"\\377\"", "UTF-8"},
  };
  for (const Mistake& mistake : mistakes) {
    const absl::Status status =
        MakeFileSerializer(mistake.format)->Parse(mistake.text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument)
        << mistake.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(mistake.says));
  }
}

}  // namespace
}  // namespace restate
