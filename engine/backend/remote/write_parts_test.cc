#include "engine/backend/remote/write_parts.h"

#include <string>
#include <utility>
#include <vector>

#include "engine/backend/memory/memory_backend.h"
#include "engine/path/path.h"
#include "engine/value/value.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

Tree Applied(const std::vector<std::vector<Write>>& parts) {
  MemoryBackend memory;
  for (const std::vector<Write>& part : parts) {
    EXPECT_EQ(memory.Apply(part, 1), absl::OkStatus());
  }
  return (*memory.TakeSnapshot())->Read(Path(), ReadLimits())->tree;
}

TEST(CutIntoPartsTest, NothingIsOneEmptyPart) {
  const auto parts = CutIntoParts({}, 100);
  ASSERT_EQ(parts.size(), 1);
  EXPECT_TRUE(parts[0].empty());
}

TEST(CutIntoPartsTest, KeepsOrderAndSum) {
  Value::Map map;
  for (int i = 0; i < 50; ++i) map = map.Set(std::to_string(i), Value::Int(i));
  map = map.Set("/", Value::String("own"));
  map = map.Set("e", Value::EmptyMap());
  const std::vector<Write> writes = {
      {P("/a"), Write::Scope::kSubtree, Value::Int(1), 1, {}},
      {P("/a"), Write::Scope::kSubtree, Value::MakeMap(map), 2, {}},
      {P("/a/7"), Write::Scope::kSubtree, std::nullopt, 3, {}},
      {P("/b"), Write::Scope::kOwnValue, Value::String(std::string(999, 'x')),
       4, {}},
  };
  const Tree whole = Applied({writes});
  for (size_t max_bytes : {1, 100, 1'000, 1'000'000}) {
    const auto parts = CutIntoParts(writes, max_bytes);
    EXPECT_EQ(Applied(parts), whole) << max_bytes;
    Revision last = 0;
    for (const std::vector<Write>& part : parts) {
      EXPECT_FALSE(part.empty());
      for (const Write& write : part) {
        EXPECT_GE(write.revision, last);
        last = write.revision;
      }
    }
  }
  EXPECT_EQ(CutIntoParts(writes, 1'000'000).size(), 1);
}

}  // namespace
}  // namespace restate
