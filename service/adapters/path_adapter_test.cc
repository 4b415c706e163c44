#include "service/adapters/path_adapter.h"

#include <string>

#include "engine/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

v1::Path Text(const std::string& text) {
  v1::Path proto;
  proto.set_text(text);
  return proto;
}

TEST(PathAdapterTest, TextOrSegments) {
  EXPECT_EQ(DecodePath(Text("users//1/"))->ToText(), "/users/1");
  v1::Path proto;
  proto.add_segments("a/b");
  proto.add_segments("~");
  EXPECT_EQ(DecodePath(proto)->ToText(), "/a~1b/~0");
}

TEST(PathAdapterTest, EmptyMessageIsTheRoot) {
  EXPECT_TRUE(DecodePath(v1::Path())->is_root());
  EXPECT_TRUE(DecodePath(Text("/"))->is_root());
}

TEST(PathAdapterTest, NotBoth) {
  v1::Path proto = Text("/a");
  proto.add_segments("a");
  const absl::Status status = DecodePath(proto).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorReason(status), "INVALID_REQUEST");
}

TEST(PathAdapterTest, RulesHoldForBoth) {
  for (const char* segment : {"*", ".", "..", "a\xFF"}) {
    v1::Path proto;
    proto.add_segments(segment);
    EXPECT_EQ(ErrorReason(DecodePath(proto).status()), "INVALID_PATH");
    EXPECT_EQ(ErrorReason(DecodePath(Text(segment)).status()), "INVALID_PATH");
  }
  v1::Path empty_segment;
  empty_segment.add_segments("");
  EXPECT_EQ(ErrorReason(DecodePath(empty_segment).status()), "INVALID_PATH");
}

TEST(PathAdapterTest, AnswersCarryNormalizedText) {
  v1::Path path;
  EncodePath(Path::Parse("a~1b//c").value(), &path);
  EXPECT_EQ(path.text(), "/a~1b/c");
  EXPECT_EQ(path.segments_size(), 0);
  EncodePath(Path(), &path);
  EXPECT_EQ(path.text(), "/");
}

TEST(PathAdapterTest, Patterns) {
  v1::PathPattern proto;
  proto.set_text("users/*/name");
  const PathPattern pattern = DecodePattern(proto).value();
  v1::PathPattern back;
  EncodePattern(pattern, &back);
  EXPECT_EQ(back.text(), "/users/*/name");
  proto.set_text("/~");
  EXPECT_EQ(ErrorReason(DecodePattern(proto).status()), "INVALID_PATH");
}

}  // namespace
}  // namespace restate
