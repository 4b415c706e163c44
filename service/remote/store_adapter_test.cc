#include "service/remote/store_adapter.h"

#include <string>

#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

TEST(StoreAdapterTest, InfoGoesThereAndBack) {
  StoreInfo info;
  info.name = "sqlite";
  info.store_id = "id";
  info.version = {"w", 7};
  info.limits.read_only = true;
  info.limits.max_value_bytes = 10;
  info.limits.max_depth = 5;
  info.limits.refused_kinds = {Value::Kind::kNull, Value::Kind::kMap};
  info.size.own_values = 3;
  v1::GetInfoResponse proto;
  EncodeInfo(info, &proto);
  EXPECT_EQ(proto.limits().refused_kinds(1), v1::STORED_KIND_EMPTY_MAP);
  EXPECT_EQ(proto.limits().max_path_bytes(), 0);
  EXPECT_FALSE(proto.has_bytes());
  const absl::StatusOr<StoreInfo> back = DecodeInfo(proto);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->name, info.name);
  EXPECT_EQ(back->store_id, info.store_id);
  EXPECT_EQ(back->version, info.version);
  EXPECT_TRUE(back->limits.read_only);
  EXPECT_EQ(back->limits.max_value_bytes, 10);
  EXPECT_EQ(back->limits.max_path_bytes, SIZE_MAX);
  EXPECT_EQ(back->limits.max_depth, 5);
  EXPECT_EQ(back->limits.refused_kinds, info.limits.refused_kinds);
  EXPECT_EQ(back->size.own_values, 3);
  EXPECT_EQ(back->size.bytes, std::nullopt);

  proto.mutable_limits()->add_refused_kinds(static_cast<v1::StoredKind>(99));
  EXPECT_EQ(ErrorReason(DecodeInfo(proto).status()), "INVALID_REQUEST");
}

TEST(StoreAdapterTest, WritesGoThereAndBack) {
  StoreBatch batch;
  batch.from = {"a", 1};
  batch.to = {"b", 2};
  batch.more = true;
  batch.writes = {
      {P("/a~1b"), Write::Scope::kSubtree, std::nullopt, 2, {}},
      {P("/"), Write::Scope::kOwnValue, Value::Bytes("x"), 2, {}},
      {P("/m"), Write::Scope::kSubtree, Value::EmptyMap(), 2, {}},
  };
  v1::ApplyRequest proto;
  EncodeBatch("id", batch, &proto);
  EXPECT_EQ(proto.store_id(), "id");
  const absl::StatusOr<StoreBatch> back = DecodeBatch(proto);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->from, batch.from);
  EXPECT_EQ(back->to, batch.to);
  EXPECT_TRUE(back->more);
  ASSERT_EQ(back->writes.size(), 3);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(back->writes[i].path, batch.writes[i].path);
    EXPECT_EQ(back->writes[i].scope, batch.writes[i].scope);
    EXPECT_EQ(back->writes[i].value, batch.writes[i].value);
  }
}

TEST(StoreAdapterTest, SaysWhichWriteIsWrong) {
  v1::ApplyRequest proto;
  EXPECT_EQ(DecodeBatch(proto).status().message(),
            "to.writer is empty: name the server that writes");
  proto.mutable_to()->set_writer("w");
  proto.add_writes();
  proto.add_writes()->mutable_path()->set_text("/a/../b");
  const absl::Status path = DecodeBatch(proto).status();
  EXPECT_EQ(ErrorReason(path), "INVALID_PATH");
  EXPECT_TRUE(path.message().find("writes[1].path: ") == 0) << path;
  proto.mutable_writes(1)->mutable_path()->clear_text();
  proto.mutable_writes(1)->set_scope(static_cast<v1::WriteScope>(9));
  EXPECT_EQ(DecodeBatch(proto).status().message(),
            "writes[1].scope is 9, which is no WriteScope");
}

TEST(StoreAdapterTest, ScansAskForSomething) {
  v1::ScanRequest proto;
  EXPECT_EQ(ErrorReason(DecodeScan(proto).status()), "INVALID_REQUEST");
  proto.set_max_entries(5);
  proto.mutable_start()->set_text("/a");
  proto.set_exclusive(true);
  const absl::StatusOr<ScanRange> range = DecodeScan(proto);
  ASSERT_TRUE(range.ok());
  EXPECT_EQ(range->within, Path());
  EXPECT_EQ(range->start, P("/a"));
  EXPECT_TRUE(range->exclusive);
  EXPECT_EQ(range->max_bytes, SIZE_MAX);
}

}  // namespace
}  // namespace restate
