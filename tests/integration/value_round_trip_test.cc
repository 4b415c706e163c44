// Everything that can be written comes back equal, kinds and bits included,
// from both backends, and from RocksDB after a restart too.

#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "gtest/gtest.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

using V = v1::Value;

V Null() {
  V value;
  value.set_null_value(google::protobuf::NULL_VALUE);
  return value;
}

V Int(int64_t v) {
  V value;
  value.set_int_value(v);
  return value;
}

V Double(double v) {
  V value;
  value.set_double_value(v);
  return value;
}

V String(std::string v) {
  V value;
  value.set_string_value(std::move(v));
  return value;
}

V Bytes(std::string v) {
  V value;
  value.set_bytes_value(std::move(v));
  return value;
}

V Bool(bool v) {
  V value;
  value.set_bool_value(v);
  return value;
}

V List(const std::vector<V>& items) {
  V value;
  value.mutable_list_value();
  for (const V& item : items) *value.mutable_list_value()->add_values() = item;
  return value;
}

V Map(const std::vector<std::pair<std::string, V>>& fields) {
  V value;
  value.mutable_map_value();
  for (const auto& [name, field] : fields) {
    (*value.mutable_map_value()->mutable_fields())[name] = field;
  }
  return value;
}

std::string AllBytes() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}

double FromBits(uint64_t bits) {
  double value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

std::vector<V> Leaves() {
  using Ints = std::numeric_limits<int64_t>;
  using Doubles = std::numeric_limits<double>;
  return {
      Null(),
      Bool(true),
      Bool(false),
      Int(0),
      Int(-1),
      Int(Ints::max()),
      Int(Ints::min()),
      Int((int64_t{1} << 53) + 1),
      Double(0.0),
      Double(-0.0),
      Double(1.0),
      Double(0.1),
      Double(Doubles::max()),
      Double(Doubles::denorm_min()),
      Double(Doubles::infinity()),
      Double(-Doubles::infinity()),
      Double(Doubles::quiet_NaN()),
      Double(FromBits(0xFFF8000000000001)),
      String(""),
      String(std::string("a\0b", 3)),
      String("ü 日本語 \U0001F600"),
      String(std::string(100'000, 'x')),
      Bytes(""),
      Bytes(AllBytes()),
      List({}),
      List({Null(), Bool(true), Int(1), Double(1.0), String("1"), Bytes("1")}),
      List({List({}), Map({}), Map({{"*", Int(1)}, {"", Int(2)}}),
            List({List({Null()})})}),
      Map({}),
  };
}

// Names that mean something elsewhere: in paths, in files, on disk.
std::vector<std::string> Names() {
  return {"a/b",
          "~",
          "~0",
          "~1",
          "/a",
          "a/",
          " ",
          "  a ",
          "a*",
          "**",
          "...",
          ".a",
          "\\",
          "\"",
          "'",
          "%2F",
          "ü",
          "日",
          "\x01",
          "\n",
          "\x7f",
          "a.b",
          "a:b",
          "$x",
          "~~~",
          "\U0001F600",
          "\xEF\xBF\xBF",
          std::string(255, 'n')};
}

std::string Escape(const std::string& name) {
  std::string escaped;
  for (char c : name) {
    if (c == '~') {
      escaped += "~0";
    } else if (c == '/') {
      escaped += "~1";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

// Protobuf maps have no order on the wire unless asked for.
std::string Encoded(const V& value) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.SetSerializationDeterministic(true);
  value.SerializeToCodedStream(&out);
  out.Trim();
  return bytes;
}

class ValueRoundTripTest : public StorageTest {
 protected:
  void Write(const std::string& path, const V& value) {
    client().SetTyped(path, value);
    written_.emplace_back(path, value);
  }

  void CheckAll() {
    for (const auto& [path, value] : written_) {
      const std::optional<V> read = client().GetTyped(path);
      ASSERT_TRUE(read.has_value()) << path;
      EXPECT_EQ(Encoded(*read), Encoded(value))
          << path << ": " << read->ShortDebugString().substr(0, 500);
    }
  }

  // Now, and after a restart if the storage outlives one.
  void CheckNowAndLater() {
    CheckAll();
    if (storage() != Storage::kRocksDb) return;
    Restart();
    CheckAll();
  }

 private:
  std::vector<std::pair<std::string, V>> written_;
};

TEST_P(ValueRoundTripTest, LeavesOfEveryKind) {
  int i = 0;
  for (const V& leaf : Leaves()) Write("/leaf/" + std::to_string(i++), leaf);
  CheckNowAndLater();
}

TEST_P(ValueRoundTripTest, LeavesInOneMapWithAnOwnValue) {
  std::vector<std::pair<std::string, V>> fields;
  int i = 0;
  for (const V& leaf : Leaves()) fields.emplace_back(std::to_string(i++), leaf);
  fields.emplace_back("/", String("own"));
  Write("/all", Map(fields));
  Write("/counter", Map({{"/", Int(3)}, {"squared", Int(9)}}));
  Write("/null", Map({{"/", Null()}, {"null", Null()}}));
  CheckNowAndLater();
}

TEST_P(ValueRoundTripTest, NamesOfEveryKind) {
  std::vector<std::pair<std::string, V>> fields;
  for (const std::string& name : Names()) {
    Write("/byPath/" + Escape(name), String(name));
    Write("/deep/" + Escape(name) + "/x/" + Escape(name), Int(1));
    fields.emplace_back(name, String(name));
  }
  Write("/inMap", Map(fields));
  CheckNowAndLater();
  for (const std::string& name : Names()) {
    v1::GetStateRequest request;
    request.mutable_path()->add_segments("inMap");
    request.mutable_path()->add_segments(name);
    const auto reply = client().GetState(request);
    ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
    EXPECT_EQ(reply.response.value().json().string_value(), name);
  }
}

V Nested(int levels, bool lists) {
  V value = String("deepest");
  for (int i = 0; i < levels; ++i) {
    value = lists ? List({value}) : Map({{"m", value}});
  }
  return value;
}

TEST_P(ValueRoundTripTest, ThirtyLevelsAndNoMore) {
  std::string path;
  for (int i = 0; i < 30; ++i) path += "/d" + std::to_string(i);
  Write(path, Int(30));
  Write("/maps", Nested(29, false));
  Write("/lists", Nested(29, true));
  Write("/both", Map({{"a", Nested(28, true)}, {"b", Nested(28, false)}}));
  CheckNowAndLater();

  const int64_t before = client().Revision();
  auto refused = [&](const std::string& at, const V& value,
                     const std::string& how) {
    v1::SetStateRequest request;
    request.mutable_path()->set_text(at);
    *request.mutable_value() = value;
    EXPECT_EQ(CodeAndReason(client().SetState(request).status), how) << at;
  };
  refused(path + "/d30", Int(31), "INVALID_ARGUMENT / INVALID_PATH");
  refused(path, List({Int(1)}), "INVALID_ARGUMENT / INVALID_VALUE");
  refused("/x", Nested(30, false), "INVALID_ARGUMENT / INVALID_VALUE");
  refused("/x", Nested(30, true), "INVALID_ARGUMENT / INVALID_VALUE");
  refused("/x/y", Nested(29, false), "INVALID_ARGUMENT / INVALID_VALUE");
  EXPECT_EQ(client().Revision(), before);
}

TEST_P(ValueRoundTripTest, ThirtyLevelsInEveryAnswer) {
  client().SetTyped("/", Nested(30, false));
  EXPECT_EQ(Encoded(*client().GetTyped("/")), Encoded(Nested(30, false)));
  // As JSON every level is three messages: as deep as answers get.
  EXPECT_TRUE(client().GetState(v1::GetStateRequest()).ok());
  EXPECT_EQ(
      client().StreamState(v1::StreamStateRequest()).response.entries_size(),
      1);
  v1::SubscribeRequest request;
  request.add_patterns()->set_text("/");
  request.mutable_snapshot();
  for (v1::ValueEncoding encoding :
       {v1::VALUE_ENCODING_JSON, v1::VALUE_ENCODING_TYPED}) {
    request.set_encoding(encoding);
    const auto reader = Subscribe(request);
    ASSERT_EQ(reader->WaitForEvents(1).size(), 1u);
  }
}

INSTANTIATE_OVER_STORAGES(ValueRoundTripTest);

}  // namespace
}  // namespace restate::test
