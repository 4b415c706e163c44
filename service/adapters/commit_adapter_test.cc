#include "service/adapters/commit_adapter.h"

#include <map>
#include <string>
#include <variant>

#include "engine/error/error.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// A request from protobuf JSON, as grpcurl reads it.
template <typename Proto>
Proto Parse(const std::string& json) {
  Proto proto;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &proto);
  EXPECT_TRUE(status.ok()) << json << " " << status.ToString();
  return proto;
}

absl::StatusOr<CommitRequest> Set(const std::string& json,
                                  const RequestLimits& limits = {}) {
  return DecodeCommit(Parse<v1::SetStateRequest>(json), limits);
}

absl::StatusOr<CommitRequest> Commit(const std::string& json,
                                     const RequestLimits& limits = {}) {
  return DecodeCommit(Parse<v1::CommitRequest>(json), limits);
}

// The only operation of a decoded SetStateRequest.
SetOperation SetOf(const std::string& json) {
  const absl::StatusOr<CommitRequest> commit = Set(json);
  EXPECT_TRUE(commit.ok()) << commit.status();
  EXPECT_EQ(commit->operations.size(), 1u);
  return std::get<SetOperation>(commit->operations.front());
}

// A set at /p with more fields.
std::string AtP(const std::string& fields) {
  return R"({"path": {"text": "/p"}, )" + fields + "}";
}

void ExpectError(const absl::Status& status, Reason reason,
                 std::string_view text) {
  EXPECT_EQ(status.code(), CodeOf(reason)) << status;
  EXPECT_EQ(ErrorReason(status), ReasonName(reason)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(text)));
}

std::string Text(const Tree& tree) {
  return tree.has_value() ? tree->DebugString() : "absent";
}

TEST(DecodeSetTest, AllFields) {
  const auto request = Parse<v1::SetStateRequest>(R"({
      "path": {"text": "users//1/"}, "value": {"json": {"a": 1}},
      "mode": "WRITE_MODE_IF_ABSENT",
      "equality": {"mode": "EQUALITY_MODE_ALWAYS_WRITE"},
      "defaultValue": {"json": {"/": 2}}, "payload": {"json": "p"},
      "skipNotify": true, "sessionId": "s", "ttl": "1.5s", "epoch": "e",
      "requestId": "123e4567-e89b-42d3-a456-426614174000",
      "durability": "DURABILITY_RELAXED"})");
  const CommitRequest commit = DecodeCommit(request, {}).value();
  EXPECT_TRUE(commit.relaxed);
  EXPECT_EQ(commit.epoch, "e");
  EXPECT_EQ(commit.bytes, request.ByteSizeLong());
  EXPECT_TRUE(commit.preconditions.empty());
  const auto& set = std::get<SetOperation>(commit.operations.at(0));
  EXPECT_EQ(set.path.ToText(), "/users/1");
  EXPECT_EQ(set.value.DebugString(),
            Value::MakeMap(Value::Map().Set("a", Value::Int(1))).DebugString());
  EXPECT_EQ(set.mode, WriteMode::kIfAbsent);
  EXPECT_EQ(set.equality.kind, Equality::Kind::kAlwaysWrite);
  EXPECT_EQ(set.default_value, Value::Int(2));
  EXPECT_EQ(set.payload, Value::String("p"));
  EXPECT_TRUE(set.skip_notify);
  EXPECT_EQ(set.session_id, "s");
  EXPECT_EQ(set.ttl, absl::Milliseconds(1'500));
  ASSERT_TRUE(commit.identity.has_value());
  EXPECT_EQ(commit.identity->id,
            absl::MakeUint128(0x123e4567e89b42d3, 0xa456426614174000));
}

TEST(DecodeSetTest, Defaults) {
  const CommitRequest commit = Set(R"({"value": {"json": null}})").value();
  EXPECT_FALSE(commit.relaxed);
  EXPECT_EQ(commit.epoch, "");
  EXPECT_FALSE(commit.identity.has_value());
  const auto& set = std::get<SetOperation>(commit.operations.at(0));
  EXPECT_TRUE(set.path.is_root());
  EXPECT_EQ(set.value, Value::Null());
  EXPECT_EQ(set.mode, WriteMode::kSet);
  EXPECT_EQ(set.equality.kind, Equality::Kind::kEqual);
  EXPECT_EQ(Text(set.default_value), "absent");
  EXPECT_EQ(Text(set.payload), "absent");
  EXPECT_FALSE(set.skip_notify);
}

TEST(DecodeSetTest, ModesByName) {
  const std::map<std::string, WriteMode> modes = {
      {"WRITE_MODE_UNSPECIFIED", WriteMode::kSet},
      {"WRITE_MODE_SET", WriteMode::kSet},
      {"WRITE_MODE_VALUE", WriteMode::kValue},
      {"WRITE_MODE_MERGE", WriteMode::kMerge},
      {"WRITE_MODE_IF_ABSENT", WriteMode::kIfAbsent},
      {"WRITE_MODE_ADD", WriteMode::kAdd},
  };
  for (const auto& [name, mode] : modes) {
    EXPECT_EQ(
        SetOf(AtP(R"("value": {"json": 1}, "mode": ")" + name + "\"")).mode,
        mode);
  }
  EXPECT_EQ(
      SetOf(AtP(R"("value": {"json": "x"}, "mode": "WRITE_MODE_APPEND")")).mode,
      WriteMode::kAppend);
}

TEST(DecodeSetTest, UnknownEnumNumbersAreRefused) {
  ExpectError(Set(AtP(R"("value": {"json": 1}, "mode": 99)")).status(),
              Reason::kInvalidRequest, "mode is 99");
  ExpectError(Set(AtP(R"("value": {"json": 1}, "durability": 9)")).status(),
              Reason::kInvalidRequest, "durability is 9");
  ExpectError(Set(AtP(R"("value": {"json": 1}, "encoding": 9)")).status(),
              Reason::kInvalidRequest, "encoding is 9");
  ExpectError(
      Set(AtP(R"("value": {"json": 1}, "equality": {"mode": 9})")).status(),
      Reason::kInvalidRequest, "equality.mode is 9");
}

TEST(DecodeSetTest, ValueIsRequired) {
  ExpectError(Set(AtP(R"("mode": "WRITE_MODE_SET")")).status(),
              Reason::kInvalidRequest, "value is required");
  ExpectError(Set(AtP(R"("value": {})")).status(), Reason::kInvalidValue,
              "value: the value has no kind");
}

TEST(DecodeSetTest, PathsAreChecked) {
  ExpectError(
      Set(R"({"path": {"text": "/a/*"}, "value": {"json": 1}})").status(),
      Reason::kInvalidPath, "segment \"*\"");
}

TEST(DecodeSetTest, ValuesAreMadeCanonical) {
  EXPECT_EQ(SetOf(AtP(R"("value": {"json": {"/": 3}})")).value, Value::Int(3));
  ExpectError(Set(AtP(R"("value": {"json": {"..": 3}})")).status(),
              Reason::kInvalidValue, "value: ");
  ExpectError(
      Set(AtP(R"("value": {"json": {"/": {"a": 1}, "b": 1}})")).status(),
      Reason::kInvalidValue, "value: ");
}

TEST(DecodeSetTest, LimitsHold) {
  RequestLimits limits;
  limits.write.max_leaf_bytes = 10;
  limits.write.max_nodes = 2;
  ExpectError(Set(AtP(R"("value": {"json": "12345678901"})"), limits).status(),
              Reason::kLeafTooLarge, "value: ");
  ExpectError(
      Set(AtP(R"("value": {"json": {"a": "", "b": "", "c": ""}})"), limits)
          .status(),
      Reason::kTooManyNodes, "value: ");
  ExpectError(
      Set(AtP(R"("value": {"json": ""}, "payload": {"json": "12345678901"})"),
          limits)
          .status(),
      Reason::kLeafTooLarge, "payload");
}

TEST(DecodeSetTest, ValueModeNeedsALeaf) {
  const std::string mode = R"(, "mode": "WRITE_MODE_VALUE")";
  EXPECT_EQ(SetOf(AtP(R"("value": {"json": {"/": 3}})" + mode)).value,
            Value::Int(3));
  EXPECT_EQ(SetOf(AtP(R"("value": {"json": null})" + mode)).value,
            Value::Null());
  for (const char* map : {R"({})", R"({"a": 1})", R"({"/": 1, "a": 1})"}) {
    ExpectError(
        Set(AtP(R"("value": {"json": )" + std::string(map) + "}" + mode))
            .status(),
        Reason::kInvalidValue, "must be a leaf");
  }
}

TEST(DecodeSetTest, AddNeedsANumber) {
  const std::string mode = R"(, "mode": "WRITE_MODE_ADD")";
  EXPECT_EQ(SetOf(AtP(R"("value": {"json": 1.5})" + mode)).value,
            Value::Double(1.5));
  for (const char* bad : {"true", "null", "\"1\"", "[1]", "{}"}) {
    ExpectError(
        Set(AtP(R"("value": {"json": )" + std::string(bad) + "}" + mode))
            .status(),
        Reason::kInvalidValue, "takes a number");
  }
}

TEST(DecodeSetTest, AppendNeedsAListOrAString) {
  const std::string mode = R"(, "mode": "WRITE_MODE_APPEND")";
  EXPECT_EQ(SetOf(AtP(R"("value": {"json": []})" + mode)).value,
            Value::MakeList({}));
  ExpectError(Set(AtP(R"("value": {"bytesValue": "/w=="})" + mode)).status(),
              Reason::kInvalidValue, "takes a list or a string");
  ExpectError(Set(AtP(R"("value": {"json": 1})" + mode)).status(),
              Reason::kInvalidValue, "takes a list or a string");
}

TEST(DecodeSetTest, MergeKeepsTheValueAsGiven) {
  const SetOperation set =
      SetOf(AtP(R"("value": {"json": {"a": {"/": 1}, "b": null, "/": null}},
             "mode": "WRITE_MODE_MERGE")"));
  ASSERT_TRUE(set.value.is_map());
  const Value* a = set.value.as_map().Find("a");
  ASSERT_NE(a, nullptr);
  ASSERT_TRUE(a->is_map());
  EXPECT_EQ(*a->as_map().Find("/"), Value::Int(1));
  EXPECT_EQ(*set.value.as_map().Find("b"), Value::Null());
  EXPECT_EQ(*set.value.as_map().Find("/"), Value::Null());
}

TEST(DecodeSetTest, MergeIsCheckedLikeOtherWrites) {
  const std::string mode = R"(, "mode": "WRITE_MODE_MERGE")";
  for (const char* bad : {R"({"/": {"a": 1}})", R"({"/": {}})", R"({"*": 1})",
                          R"({"a": {"": null}})", R"({"a": {"..": {}}})"}) {
    ExpectError(
        Set(AtP(R"("value": {"json": )" + std::string(bad) + "}" + mode))
            .status(),
        Reason::kInvalidValue, "value: ");
  }
  ExpectError(
      Set(AtP(R"("value": {"json": 1}, "defaultValue": {"json": 1})" + mode))
          .status(),
      Reason::kInvalidRequest, "default_value does not go with");
}

TEST(DecodeSetTest, EqualityOnFields) {
  const std::string fields =
      R"("value": {"json": 1},
         "equality": {"fields": {"paths": ["id", "/address/city"]}})";
  for (const char* mode : {"WRITE_MODE_SET", "WRITE_MODE_VALUE"}) {
    const SetOperation set =
        SetOf(AtP(fields + R"(, "mode": ")" + mode + "\""));
    EXPECT_EQ(set.equality.kind, Equality::Kind::kFields);
    ASSERT_EQ(set.equality.fields.size(), 2u);
    EXPECT_EQ(set.equality.fields[0].ToText(), "/id");
    EXPECT_EQ(set.equality.fields[1].ToText(), "/address/city");
  }
  for (const char* mode :
       {"WRITE_MODE_MERGE", "WRITE_MODE_IF_ABSENT", "WRITE_MODE_ADD"}) {
    ExpectError(Set(AtP(fields + R"(, "mode": ")" + mode + "\"")).status(),
                Reason::kInvalidRequest, "equality.fields goes with");
  }
  ExpectError(
      Set(AtP(R"("value": {"json": 1}, "equality": {"fields": {}})")).status(),
      Reason::kInvalidRequest, "equality.fields.paths is empty");
  ExpectError(Set(AtP(R"("value": {"json": 1},
                         "equality": {"fields": {"paths": ["a", ".."]}})"))
                  .status(),
              Reason::kInvalidPath, "equality.fields.paths[1]: segment \"..\"");
}

TEST(DecodeSetTest, PayloadKeysAreNotJudged) {
  const SetOperation set = SetOf(
      AtP(R"("value": {"json": 1}, "payload": {"json": {"..": {"/": {}}}})"));
  EXPECT_TRUE(set.payload->is_map());
  ExpectError(Set(AtP(R"("value": {"json": 1}, "payload": {})")).status(),
              Reason::kInvalidValue, "payload: the value has no kind");
}

TEST(DecodeDeleteTest, Fields) {
  const CommitRequest commit =
      DecodeCommit(Parse<v1::DeleteStateRequest>(
                       R"({"path": {"segments": ["a/b"]}, "skipNotify": true,
                           "payload": {"json": 1}, "epoch": "e"})"),
                   {})
          .value();
  const auto& op = std::get<DeleteOperation>(commit.operations.at(0));
  EXPECT_EQ(op.path.ToText(), "/a~1b");
  EXPECT_TRUE(op.skip_notify);
  EXPECT_EQ(op.payload, Value::Int(1));
  EXPECT_EQ(commit.epoch, "e");
}

TEST(DecodePingTest, Fields) {
  const CommitRequest commit =
      DecodeCommit(Parse<v1::PingRequest>(R"({"path": {"text": "/a"},
                                              "payload": {"json": 1}})"),
                   {})
          .value();
  const auto& ping = std::get<PingOperation>(commit.operations.at(0));
  EXPECT_EQ(ping.path.ToText(), "/a");
  EXPECT_EQ(ping.payload, Value::Int(1));
}

TEST(DecodePreconditionsTest, EachKind) {
  const CommitRequest commit = Commit(R"({"preconditions": [
      {"unchangedSince": {"path": {"text": "/a"}, "revision": "7",
                          "view": "VIEW_WITHOUT_DERIVED"}},
      {"exists": {"path": {"text": "/b"}}},
      {"exists": {"path": {"text": "/b"}, "exists": false}},
      {"equals": {"path": {"text": "/c"}, "value": {"json": {"/": 1}}}}]})")
                                   .value();
  ASSERT_EQ(commit.preconditions.size(), 4u);
  const auto& unchanged = std::get<UnchangedSince>(commit.preconditions[0]);
  EXPECT_EQ(unchanged.path.ToText(), "/a");
  EXPECT_EQ(unchanged.revision, 7);
  EXPECT_EQ(unchanged.view, View::kWithoutDerived);
  EXPECT_TRUE(std::get<Exists>(commit.preconditions[1]).exists);
  EXPECT_FALSE(std::get<Exists>(commit.preconditions[2]).exists);
  const auto& equals = std::get<Equals>(commit.preconditions[3]);
  EXPECT_EQ(equals.path.ToText(), "/c");
  EXPECT_EQ(equals.value, Value::Int(1));
}

TEST(DecodePreconditionsTest, ErrorsNameTheIndex) {
  struct Row {
    std::string json;
    Reason reason;
    std::string text;
  };
  const Row rows[] = {
      {"{}", Reason::kInvalidRequest, "has no condition"},
      {R"({"unchangedSince": {"revision": "-1"}})", Reason::kInvalidRequest,
       "unchanged_since.revision is -1"},
      {R"({"unchangedSince": {"view": 9}})", Reason::kInvalidRequest,
       "view is 9"},
      {R"({"exists": {"path": {"text": "/~"}}})", Reason::kInvalidPath,
       "segment \"~\""},
      {R"({"equals": {}})", Reason::kInvalidRequest,
       "equals.value is required"},
      {R"({"equals": {"value": {"json": {"": 1}}}})", Reason::kInvalidValue,
       "equals.value: "},
  };
  for (const Row& row : rows) {
    const std::string json =
        R"({"preconditions": [{"exists": {}}, )" + row.json + "]}";
    for (const absl::Status& status :
         {Commit(json).status(),
          DecodeCommit(Parse<v1::PingRequest>(json), {}).status(),
          DecodeCommit(Parse<v1::DeleteStateRequest>(json), {}).status()}) {
      ExpectError(status, row.reason, "precondition 1: " + row.text);
      EXPECT_EQ(ErrorMetadata(status).at("precondition"), "1");
    }
  }
}

TEST(DecodeTransactionTest, OperationsInOrder) {
  const auto request = Parse<v1::CommitRequest>(R"({"operations": [
      {"set": {"path": {"text": "/a"}, "value": {"json": 1}}},
      {"delete": {"path": {"text": "/b"}}},
      {"ping": {"path": {"text": "/c"}}}]})");
  const CommitRequest commit = DecodeCommit(request, {}).value();
  ASSERT_EQ(commit.operations.size(), 3u);
  EXPECT_EQ(std::get<SetOperation>(commit.operations[0]).path.ToText(), "/a");
  EXPECT_EQ(std::get<DeleteOperation>(commit.operations[1]).path.ToText(),
            "/b");
  EXPECT_EQ(std::get<PingOperation>(commit.operations[2]).path.ToText(), "/c");
  EXPECT_EQ(commit.bytes, request.ByteSizeLong());
  EXPECT_THAT(KindsOf(request),
              ElementsAre(v1::Operation::kSet, v1::Operation::kDelete,
                          v1::Operation::kPing));
}

TEST(DecodeTransactionTest, NoneIsAllowed) {
  EXPECT_TRUE(Commit("{}")->operations.empty());
}

TEST(DecodeTransactionTest, ErrorsNameTheIndex) {
  const absl::Status unset =
      Commit(R"({"operations": [{"ping": {}}, {}]})").status();
  ExpectError(unset, Reason::kInvalidRequest, "operation 1: is of no kind");
  EXPECT_THAT(ErrorMetadata(unset), ElementsAre(Pair("operation", "1")));
  const absl::Status bad =
      Commit(R"({"operations": [{"set": {"value": {"json": {"..": 1}}}}]})")
          .status();
  ExpectError(bad, Reason::kInvalidValue, "operation 0: value: ");
  EXPECT_EQ(ErrorMetadata(bad).at("operation"), "0");
}

TEST(DecodeTransactionTest, CountsAreLimited) {
  RequestLimits limits;
  limits.max_operations = 2;
  const std::string two = R"({"ping": {}}, {"ping": {}})";
  EXPECT_TRUE(Commit(R"({"operations": [)" + two + "]}", limits).ok());
  ExpectError(
      Commit(R"({"operations": [)" + two + R"(, {"ping": {}}]})", limits)
          .status(),
      Reason::kTooManyOperations, "3 operations; at most 2");
  ExpectError(
      Commit(
          R"({"preconditions": [{"exists": {}}, {"exists": {}}, {"exists": {}}]})",
          limits)
          .status(),
      Reason::kTooManyOperations, "3 preconditions; at most 2");
}

CommitResult ResultOf(std::vector<OperationResult> results) {
  CommitResult result;
  result.revision = 12;
  result.changed = true;
  result.results = std::move(results);
  return result;
}

template <typename Proto>
std::string Json(const Proto& proto) {
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(proto, &json).ok());
  return json;
}

TEST(DecodeSetTest, Ttl) {
  const auto ttl_of = [](const std::string& ttl) {
    return SetOf(AtP(R"("value": {"json": 1}, "ttl": ")" + ttl + "\"")).ttl;
  };
  EXPECT_EQ(SetOf(AtP(R"("value": {"json": 1})")).ttl, absl::ZeroDuration());
  EXPECT_EQ(ttl_of("0.001s"), absl::Milliseconds(1));
  EXPECT_EQ(ttl_of("0.0010001s"), absl::Milliseconds(2)) << "rounded up";
  EXPECT_EQ(ttl_of("31536000s"), absl::Hours(24 * 365));
  for (const char* ttl : {"0s", "-1s", "0.0009s", "31536000.001s"}) {
    ExpectError(Set(AtP(R"("value": {"json": 1}, "ttl": ")" +
                        std::string(ttl) + "\""))
                    .status(),
                Reason::kInvalidRequest, "ttl is");
  }
  ExpectError(Commit(R"({"operations": [
                  {"set": {"value": {"json": 1}, "ttl": "0s"}}]})")
                  .status(),
              Reason::kInvalidRequest, "operation 0: ttl is");
}

TEST(DecodeCommitTest, RequestIds) {
  for (const char* id : {"retry-1", "123e4567e89b42d3a456426614174000"}) {
    ExpectError(Commit(R"({"requestId": ")" + std::string(id) + "\"}").status(),
                Reason::kInvalidRequest, "must be a UUID");
  }
  const std::string id =
      R"("requestId": "123e4567-e89b-42d3-a456-426614174000")";
  const auto set = Set(AtP(R"("value": {"json": 1}, )" + id));
  const auto other = Set(AtP(R"("value": {"json": 2}, )" + id));
  EXPECT_EQ(set->identity->id, other->identity->id);
  EXPECT_NE(set->identity->fingerprint, other->identity->fingerprint);
  EXPECT_EQ(set->identity,
            Set(AtP(R"("value": {"json": 1}, )" + id))->identity);
}

TEST(EncodeResultTest, Replayed) {
  CommitResult result = ResultOf({{true, Tree()}});
  result.replayed = true;
  v1::SetStateResponse set;
  EncodeResult(result, "e", v1::VALUE_ENCODING_UNSPECIFIED, &set);
  EXPECT_TRUE(set.replayed());
  v1::DeleteStateResponse deletion;
  EncodeResult(result, "e", &deletion);
  EXPECT_TRUE(deletion.replayed());
  v1::PingResponse ping;
  EncodeResult(result, "e", &ping);
  EXPECT_TRUE(ping.replayed());
  const OperationKinds kinds = {v1::Operation::kPing};
  v1::CommitResponse commit;
  EncodeResult(result, kinds, "e", v1::VALUE_ENCODING_UNSPECIFIED, &commit);
  EXPECT_TRUE(commit.replayed());
}

TEST(EncodeResultTest, Set) {
  v1::SetStateResponse response;
  EncodeResult(ResultOf({{true, Value::Bytes("\xFF")}}), "e",
               v1::VALUE_ENCODING_UNSPECIFIED, &response);
  EXPECT_EQ(Json(response),
            R"({"changed":true,"value":{"json":"/w==","lossy":true},)"
            R"("revision":"12","epoch":"e"})");
}

TEST(EncodeResultTest, UnchangedIsSeen) {
  v1::SetStateResponse set;
  EncodeResult(ResultOf({{false, Tree()}}), "e", v1::VALUE_ENCODING_TYPED,
               &set);
  EXPECT_EQ(Json(set), R"({"changed":false,"revision":"12","epoch":"e"})");
  v1::DeleteStateResponse deletion;
  EncodeResult(ResultOf({{false, Tree()}}), "e", &deletion);
  EXPECT_EQ(Json(deletion), R"({"deleted":false,"revision":"12","epoch":"e"})");
}

TEST(EncodeResultTest, Ping) {
  v1::PingResponse response;
  EncodeResult(ResultOf({{true, Tree()}}), "e", &response);
  EXPECT_EQ(Json(response), R"({"revision":"12","epoch":"e"})");
}

TEST(EncodeResultTest, Transaction) {
  const OperationKinds kinds = {v1::Operation::kSet, v1::Operation::kDelete,
                                v1::Operation::kPing};
  v1::CommitResponse response;
  EncodeResult(
      ResultOf({{true, Value::Int(3)}, {false, Tree()}, {true, Tree()}}), kinds,
      "e", v1::VALUE_ENCODING_TYPED, &response);
  EXPECT_EQ(Json(response),
            R"({"results":[{"set":{"changed":true,"value":{"intValue":"3"}}},)"
            R"({"delete":{"deleted":false}},{"ping":{}}],)"
            R"("changed":true,"revision":"12","epoch":"e"})");
}

}  // namespace
}  // namespace restate
