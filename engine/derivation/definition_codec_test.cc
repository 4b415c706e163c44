#include "engine/derivation/definition_codec.h"

#include <string>
#include <vector>

#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

std::vector<Definition> Definitions() {
  Definition lua;
  lua.dest = P("/a~1b/c");
  lua.sources = {P("/x"), P("/")};
  lua.transform = LuaTransform{{"x", "root"}, "return x"};
  lua.payload = Value::MakeList({Value::Null(), Value::Double(-0.0)});
  lua.call_when_absent = true;
  lua.on_error = OnError::kFailWrite;
  lua.definer = "ip:10.0.0.7";
  std::vector<Definition> all = {lua};
  for (Combine combine : {Combine::kCount, Combine::kSum, Combine::kMin,
                          Combine::kMax, Combine::kMean, Combine::kCollect}) {
    Definition aggregate;
    aggregate.dest = P("/total");
    aggregate.sources = {P("/items")};
    aggregate.transform = AggregateTransform{"value", combine, "key"};
    aggregate.on_error = OnError::kKeepLast;
    all.push_back(aggregate);
  }
  Definition hosted;
  hosted.dest = P("/h");
  hosted.sources = {P("/x")};
  hosted.transform = HostedTransform{"name"};
  all.push_back(hosted);
  return all;
}

TEST(DefinitionCodecTest, WhatIsDecodedIsWhatWasEncoded) {
  for (const Definition& definition : Definitions()) {
    const auto decoded = DecodeDefinition(EncodeDefinition({7, definition}));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->id, 7u);
    EXPECT_TRUE(decoded->definition == definition);
    EXPECT_EQ(decoded->definition.definer, definition.definer);
  }
}

TEST(DefinitionCodecTest, DamageIsNoticed) {
  const std::string whole = EncodeDefinition({7, Definitions().front()});
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto decoded = DecodeDefinition(whole.substr(0, size));
    if (decoded.ok()) continue;
    EXPECT_EQ(ErrorReason(decoded.status()), "CORRUPT");
  }
  EXPECT_EQ(ErrorReason(DecodeDefinition("").status()), "CORRUPT");
}

}  // namespace
}  // namespace restate
