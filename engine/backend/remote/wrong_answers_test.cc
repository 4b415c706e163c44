// A store that answers what cannot be: a clear error, never a wrong tree.
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "engine/backend/remote/remote_backend.h"
#include "engine/backend/remote/testing/memory_store.h"
#include "engine/error/error.h"
#include "engine/path/path.h"
#include "engine/threads/testing/shared_pool.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

struct Lie {
  const char* name;
  std::function<void(ScanPage*)> tell;
  const char* message;
};

void PrintTo(const Lie& lie, std::ostream* os) { *os << lie.name; }

class WrongAnswersTest : public testing::TestWithParam<Lie> {};

TEST_P(WrongAnswersTest, AreDataLossNamingTheStoreAndThePath) {
  auto store = std::make_shared<MemoryStore>("store-1");
  RemoteBackendOptions options;
    options.jobs = SharedPool();
  options.mount = P("/far");
  options.writer = "w";
  RemoteBackend backend(std::make_unique<NearStore>(store), options);
  Value::Map map;
  for (const char* name : {"b", "c", "d"}) map = map.Set(name, Value::Int(1));
  ASSERT_EQ(backend.Apply({Write{P("/a"), Write::Scope::kSubtree,
                                 Value::MakeMap(map), 1, {}}},
                          1),
            absl::OkStatus());
  store->Falsify(GetParam().tell);
  auto snapshot = *backend.TakeSnapshot();
  const absl::Status read = snapshot->Read(P("/a"), ReadLimits()).status();
  EXPECT_EQ(read.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ErrorReason(read), "CORRUPT");
  EXPECT_EQ(read.message(),
            std::string("the remote mount at /far, the store at near: its "
                        "answer is wrong: ") +
                GetParam().message);
  auto cursor = snapshot->NewCursor(Path());
  cursor->Seek(P("/a").key());
  EXPECT_FALSE(cursor->Valid());
  EXPECT_EQ(cursor->status().code(), absl::StatusCode::kDataLoss);
  // It can be reached.
  EXPECT_EQ(backend.Health().state, BackendHealth::State::kUp);
}

INSTANTIATE_TEST_SUITE_P(
    Lies, WrongAnswersTest,
    testing::Values(
        Lie{"Unordered",
            [](ScanPage* page) {
              std::swap(page->entries[0], page->entries[1]);
            },
            "/a/b comes after /a/c; entries must be in path order, each once"},
        Lie{"Repeated",
            [](ScanPage* page) { page->entries[1] = page->entries[0]; },
            "/a/b comes after /a/b; entries must be in path order, each once"},
        Lie{"Elsewhere",
            [](ScanPage* page) {
              page->entries[0].key = P("/0").key();
            },
            "/0 comes before /a, where the page begins"},
        Lie{"NothingAndMore",
            [](ScanPage* page) {
              page->entries.clear();
              page->more = true;
            },
            "a page is empty, and there is more"},
        Lie{"AMap",
            [](ScanPage* page) {
              page->entries[0].value =
                  Value::MakeMap(Value::Map().Set("x", Value::Int(1)));
            },
            "/a/b has a map that is not empty; its parts must be entries of "
            "their own"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace restate
