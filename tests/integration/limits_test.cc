// Each limit: what is exactly at it is taken, one more is refused with a code,
// a reason, and a message that names the offence, and changes nothing.

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

constexpr int kMaxLeafBytes = 1 << 20;
constexpr int kMaxNodes = 100'000;
constexpr int kMaxCount = 10'000;

v1::SetStateRequest SetRequest(const std::string& path) {
  v1::SetStateRequest request;
  request.mutable_path()->set_text(path);
  return request;
}

std::string Names(const Failure& failure, const std::string& part) {
  return failure.message.find(part) != std::string::npos
             ? ""
             : "does not name '" + part + "': " + failure.message;
}

class LimitsTest : public StorageTest {};

TEST_P(LimitsTest, Leaf) {
  v1::SetStateRequest request = SetRequest("/leaf");
  // Near the limit, leaving room for how the value is counted.
  request.mutable_value()->set_string_value(
      std::string(kMaxLeafBytes - 1024, 'x'));
  ASSERT_TRUE(client().SetState(request).ok());
  request.mutable_value()->set_string_value(
      std::string(kMaxLeafBytes + 1, 'x'));
  Failure failure = FailureOf(client().SetState(request).status);
  EXPECT_EQ(failure.code + " / " + failure.reason,
            "RESOURCE_EXHAUSTED / LEAF_TOO_LARGE");
  EXPECT_EQ(Names(failure, "/leaf"), "");
  EXPECT_EQ(client().GetTyped("/leaf")->string_value().size(),
            static_cast<size_t>(kMaxLeafBytes - 1024));

  // In a map the leaf is what counts, and it is named.
  request = SetRequest("/map");
  auto* fields = request.mutable_value()->mutable_map_value()->mutable_fields();
  (*fields)["small"].set_int_value(1);
  (*fields)["large"].set_bytes_value(std::string(kMaxLeafBytes + 1, 'x'));
  failure = FailureOf(client().SetState(request).status);
  EXPECT_EQ(failure.reason, "LEAF_TOO_LARGE");
  EXPECT_EQ(Names(failure, "/map/large"), "");
  EXPECT_FALSE(client().Get("/map").has_value());
}

// A list of small items was counted as six times what it is.
TEST_P(LimitsTest, ListThatIsALeaf) {
  v1::SetStateRequest request = SetRequest("/list");
  auto* items = request.mutable_value()->mutable_list_value();
  // Each takes four bytes.
  for (int i = 0; i < kMaxLeafBytes / 4; ++i) {
    items->add_values()->set_int_value(1);
  }
  ASSERT_EQ(items->ByteSizeLong(), static_cast<size_t>(kMaxLeafBytes));
  ASSERT_TRUE(client().SetState(request).ok());
  EXPECT_EQ(client().GetTyped("/list")->list_value().values_size(),
            kMaxLeafBytes / 4);
  EXPECT_TRUE(client().Get("/list").has_value());
  items->add_values()->set_int_value(1);
  EXPECT_EQ(CodeAndReason(client().SetState(request).status),
            "RESOURCE_EXHAUSTED / LEAF_TOO_LARGE");
  // So it is by appending.
  request.set_mode(v1::WRITE_MODE_APPEND);
  items->Clear();
  items->add_values()->set_int_value(1);
  EXPECT_EQ(CodeAndReason(client().SetState(request).status),
            "RESOURCE_EXHAUSTED / LEAF_TOO_LARGE");
}

TEST_P(LimitsTest, LeafThatGrowsByAppending) {
  v1::SetStateRequest request = SetRequest("/s");
  request.set_mode(v1::WRITE_MODE_APPEND);
  request.mutable_value()->set_string_value(
      std::string(kMaxLeafBytes / 2, 'x'));
  ASSERT_TRUE(client().SetState(request).ok());
  request.mutable_value()->set_string_value(
      std::string(kMaxLeafBytes / 2 + 1, 'x'));
  EXPECT_EQ(CodeAndReason(client().SetState(request).status),
            "RESOURCE_EXHAUSTED / LEAF_TOO_LARGE");
  EXPECT_EQ(client().GetTyped("/s")->string_value().size(),
            static_cast<size_t>(kMaxLeafBytes / 2));
}

TEST_P(LimitsTest, NodesOfAMap) {
  v1::SetStateRequest request = SetRequest("/map");
  auto* fields = request.mutable_value()->mutable_map_value()->mutable_fields();
  for (int i = 0; i < kMaxNodes; ++i) {
    (*fields)["k" + std::to_string(i)].set_bool_value(true);
  }
  ASSERT_TRUE(client().SetState(request).ok());
  (*fields)["one more"].set_bool_value(true);
  const Failure failure = FailureOf(client().SetState(request).status);
  EXPECT_EQ(failure.code + " / " + failure.reason,
            "RESOURCE_EXHAUSTED / TOO_MANY_NODES");
  EXPECT_EQ(Names(failure, "100000"), "");
  EXPECT_FALSE(client().Get("/map/one more").has_value());

  int names = 0;
  v1::ListChildrenRequest list;
  list.mutable_path()->set_text("/map");
  list.set_page_size(1'000'000);
  do {
    const auto reply = client().ListChildren(list);
    ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
    EXPECT_EQ(reply.response.children_size(), kMaxCount);
    names += reply.response.children_size();
    list.set_page_token(reply.response.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_EQ(names, kMaxNodes);
}

TEST_P(LimitsTest, OperationsOfATransaction) {
  v1::CommitRequest commit;
  for (int i = 0; i < kMaxCount; ++i) {
    commit.add_operations()->mutable_ping()->mutable_path()->set_text("/p");
  }
  ASSERT_TRUE(client().Commit(commit).ok());
  commit.add_operations()->mutable_ping()->mutable_path()->set_text("/p");
  const Failure failure = FailureOf(client().Commit(commit).status);
  EXPECT_EQ(failure.code + " / " + failure.reason,
            "RESOURCE_EXHAUSTED / TOO_MANY_OPERATIONS");
  EXPECT_EQ(Names(failure, "10000"), "");
}

TEST_P(LimitsTest, PathsOfABatchAndPatternsOfASubscription) {
  v1::BatchGetStateRequest batch;
  v1::SubscribeRequest subscribe;
  for (int i = 0; i < kMaxCount; ++i) {
    batch.add_paths()->set_text("/a");
    subscribe.add_patterns()->set_text("/p" + std::to_string(i));
  }
  const auto reply = client().BatchGetState(batch);
  ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
  EXPECT_EQ(reply.response.results_size(), kMaxCount);
  batch.add_paths()->set_text("/a");
  EXPECT_EQ(CodeAndReason(client().BatchGetState(batch).status),
            "RESOURCE_EXHAUSTED / TOO_MANY_PATHS");

  Subscribe(subscribe);
  subscribe.add_patterns()->set_text("/one more");
  SubscriptionReader refused(client().channel(), subscribe);
  EXPECT_EQ(CodeAndReason(refused.WaitForEnd()),
            "RESOURCE_EXHAUSTED / TOO_MANY_PATTERNS");
}

TEST_P(LimitsTest, BytesOfAPath) {
  // 16 segments of 255 bytes and one each: exactly 4,096.
  std::string path;
  for (int i = 0; i < 16; ++i) path += "/" + std::string(255, 'a' + i);
  client().Set(path, "1");
  EXPECT_EQ(*client().Get(path), "1");
  v1::SetStateRequest request = SetRequest(path + "/b");
  request.mutable_value()->set_int_value(1);
  Failure failure = FailureOf(client().SetState(request).status);
  EXPECT_EQ(failure.code + " / " + failure.reason,
            "INVALID_ARGUMENT / INVALID_PATH");
  EXPECT_EQ(Names(failure, "4096"), "");
  // The same place, reached from a map.
  request = SetRequest(path);
  (*request.mutable_value()->mutable_map_value()->mutable_fields())["b"]
      .set_int_value(1);
  EXPECT_EQ(CodeAndReason(client().SetState(request).status),
            "INVALID_ARGUMENT / INVALID_VALUE");
  EXPECT_EQ(*client().Get(path), "1");
}

TEST_P(LimitsTest, ReadsThatDoNotFitIntoAMessage) {
  const std::string megabyte(1'000'000, 'x');
  for (int i = 0; i < 20; ++i) {
    v1::Value value;
    value.set_string_value(megabyte);
    client().SetTyped("/large/k" + std::to_string(i), value);
  }
  v1::GetStateRequest get;
  get.mutable_path()->set_text("/large");
  for (v1::ValueEncoding encoding :
       {v1::VALUE_ENCODING_JSON, v1::VALUE_ENCODING_TYPED}) {
    get.set_encoding(encoding);
    const Failure failure = FailureOf(client().GetState(get).status);
    EXPECT_EQ(failure.code + " / " + failure.reason,
              "RESOURCE_EXHAUSTED / READ_TOO_LARGE");
    EXPECT_EQ(Names(failure, "StreamState"), "");
  }
  v1::BatchGetStateRequest batch;
  for (int i = 0; i < 20; ++i) {
    batch.add_paths()->set_text("/large/k" + std::to_string(i));
  }
  EXPECT_EQ(CodeAndReason(client().BatchGetState(batch).status),
            "RESOURCE_EXHAUSTED / READ_TOO_LARGE");

  v1::StreamStateRequest stream;
  stream.mutable_path()->set_text("/large");
  const auto all = client().StreamState(stream);
  ASSERT_TRUE(all.ok()) << FailureOf(all.status);
  ASSERT_EQ(all.response.entries_size(), 20);
  for (const auto& entry : all.response.entries()) {
    EXPECT_EQ(entry.value().json().string_value(), megabyte);
  }
  get.set_depth(1);
  get.mutable_path()->set_text("/");
  EXPECT_TRUE(client().GetState(get).ok());
}

INSTANTIATE_OVER_STORAGES(LimitsTest);

}  // namespace
}  // namespace restate::test
