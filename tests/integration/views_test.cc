// Random trees with derived paths among them read the same by GetState, by
// BatchGetState, and by StreamState put together, in every view.

#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "restate/v1/derivation_service.grpc.pb.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

constexpr int kTrees = 3;
constexpr int kSteps = 40;

bool IsEmptyMap(const v1::Value& value) {
  return value.has_map_value() && value.map_value().fields().empty();
}

// What own values make, set one after the other.
struct Node {
  std::optional<v1::Value> own;
  std::map<std::string, Node> children;

  std::optional<v1::Value> Reading() const {
    if (children.empty()) return own;
    v1::Value value;
    auto* fields = value.mutable_map_value()->mutable_fields();
    // A {} is there only while nothing else is.
    if (own.has_value() && !IsEmptyMap(*own)) (*fields)["/"] = *own;
    for (const auto& [name, child] : children) {
      (*fields)[name] = *child.Reading();
    }
    return value;
  }
};

std::vector<std::string> SegmentsOf(const std::string& path) {
  std::vector<std::string> segments;
  for (const char c : path) {
    if (c == '/') {
      segments.emplace_back();
    } else {
      segments.back() += c;
    }
  }
  if (path == "/") segments.clear();
  return segments;
}

class ViewsTest : public StorageTest {
 protected:
  void SetUp() override {
    StorageTest::SetUp();
    derivations_ = v1::DerivationService::NewStub(client().channel());
  }

  int Below(int n) {
    return std::uniform_int_distribution<>(0, n - 1)(random_);
  }
  std::string RandomPath(int max_depth) {
    std::string path;
    for (int depth = 1 + Below(max_depth); depth > 0; --depth) {
      path += std::string("/") + "abc"[Below(3)];
    }
    return path;
  }
  v1::Value RandomValue(int levels) {
    v1::Value value;
    const int kind = Below(levels == 0 ? 3 : 6);
    if (kind == 0) {
      value.set_string_value(std::string(Below(3), 'x'));
    } else if (kind == 1) {
      value.set_int_value(Below(5));
    } else if (kind == 2) {
      value.mutable_map_value();
    } else {
      auto* fields = value.mutable_map_value()->mutable_fields();
      for (const char* name : {"a", "b", "c"}) {
        if (Below(2) == 0) (*fields)[name] = RandomValue(levels - 1);
      }
    }
    return value;
  }

  void Write() {
    if (Below(4) == 0) {
      v1::DeleteStateRequest request;
      request.mutable_path()->set_text(RandomPath(4));
      ExpectWritten(client().DeleteState(request).status);
      return;
    }
    v1::SetStateRequest request;
    request.mutable_path()->set_text(RandomPath(4));
    if (Below(3) == 0) {
      request.set_mode(v1::WRITE_MODE_VALUE);
      request.mutable_value()->set_int_value(Below(9));
    } else {
      *request.mutable_value() = RandomValue(2);
    }
    ExpectWritten(client().SetState(request).status);
  }
  // Or it was addressed to what is derived.
  static void ExpectWritten(const grpc::Status& status) {
    if (status.ok()) return;
    EXPECT_EQ(FailureOf(status).reason, "DERIVED_PATH") << FailureOf(status);
  }

  void Derive() {
    static const char* const kFunctions[] = {
        "x", "1", "{a = 1, b = {c = 2}}", "{c = x}",
        "type(x) == 'table' and x.a or nil"};
    v1::DeriveRequest request;
    request.mutable_dest()->set_text(RandomPath(4));
    request.add_sources()->set_text("/source" + RandomPath(2));
    request.mutable_lua()->add_parameters("x");
    request.mutable_lua()->set_source(kFunctions[Below(5)]);
    request.set_call_when_absent(true);
    request.set_overwrite(true);
    v1::DeriveResponse response;
    const auto context = NewContext();
    const grpc::Status status =
        derivations_->Derive(context.get(), request, &response);
    EXPECT_TRUE(status.ok()) << FailureOf(status);
  }
  void ChangeSource() {
    v1::SetStateRequest request;
    request.mutable_path()->set_text("/source" + RandomPath(2));
    *request.mutable_value() = RandomValue(2);
    ExpectWritten(client().SetState(request).status);
  }
  void StartOver() {
    const auto list_context = NewContext();
    v1::ListDerivationsResponse all;
    ASSERT_TRUE(derivations_
                    ->ListDerivations(list_context.get(),
                                      v1::ListDerivationsRequest(), &all)
                    .ok());
    for (const v1::DerivationInfo& one : all.derivations()) {
      v1::RemoveDerivationRequest request;
      *request.mutable_dest() = one.definition().dest();
      v1::RemoveDerivationResponse response;
      const auto context = NewContext();
      ASSERT_TRUE(
          derivations_->RemoveDerivation(context.get(), request, &response)
              .ok());
    }
    client().Delete("/");
  }

  std::optional<v1::Value> ReadStreamed(const std::string& path,
                                        v1::View view) {
    v1::StreamStateRequest request;
    request.mutable_path()->set_text(path);
    request.set_view(view);
    request.set_encoding(v1::VALUE_ENCODING_TYPED);
    const auto reply = client().StreamState(request);
    EXPECT_TRUE(reply.ok()) << FailureOf(reply.status);
    Node top;
    const size_t skipped = SegmentsOf(path).size();
    for (const auto& entry : reply.response.entries()) {
      Node* node = &top;
      const std::vector<std::string> segments =
          SegmentsOf(entry.path().text());
      for (size_t i = skipped; i < segments.size(); ++i) {
        node = &node->children[segments[i]];
      }
      EXPECT_FALSE(node->own.has_value()) << entry.path().text() << " twice";
      node->own = entry.value();
    }
    return top.Reading();
  }

  // Reads every path in every view, in all three ways.
  void CompareReadings(const std::vector<std::string>& paths) {
    for (const v1::View view :
         {v1::VIEW_ALL, v1::VIEW_WITHOUT_DERIVED, v1::VIEW_OWN_VALUE}) {
      v1::BatchGetStateRequest batch;
      for (const std::string& path : paths) {
        batch.add_paths()->set_text(path);
      }
      batch.set_view(view);
      batch.set_encoding(v1::VALUE_ENCODING_TYPED);
      const auto together = client().BatchGetState(batch);
      ASSERT_TRUE(together.ok()) << FailureOf(together.status);
      for (size_t i = 0; i < paths.size(); ++i) {
        SCOPED_TRACE(paths[i] + " " + v1::View_Name(view));
        v1::GetStateRequest get;
        get.mutable_path()->set_text(paths[i]);
        get.set_view(view);
        get.set_encoding(v1::VALUE_ENCODING_TYPED);
        const auto one = client().GetState(get);
        ASSERT_TRUE(one.ok()) << FailureOf(one.status);
        const std::string expected = Text(one.response);
        EXPECT_EQ(Text(together.response.results(static_cast<int>(i))),
                  expected);
        std::optional<v1::Value> streamed = ReadStreamed(paths[i], view);
        // The root is there also if there is nothing to stream.
        if (!streamed.has_value() && paths[i] == "/" &&
            one.response.exists()) {
          streamed.emplace().mutable_map_value();
        }
        EXPECT_EQ(streamed.has_value() ? ToJson(*streamed) : "absent",
                  expected);
        ++compared_;
        if (one.response.exists()) ++existing_;
      }
    }
  }
  template <typename Response>
  static std::string Text(const Response& response) {
    EXPECT_EQ(response.exists(), response.has_value());
    return response.exists() ? ToJson(response.value()) : "absent";
  }

  std::mt19937_64 random_;
  // Readings that were compared, and how many of them found something.
  size_t compared_ = 0;
  size_t existing_ = 0;
  std::unique_ptr<v1::DerivationService::Stub> derivations_;
};

TEST_P(ViewsTest, EveryWayToReadATreeGivesTheSame) {
  std::vector<std::string> paths = {"/"};
  for (const char* name : {"a", "b", "c", "a/a", "a/b", "b/a", "b/b/c",
                           "c/c", "c/a/b/c", "a/c/a", "source"}) {
    paths.push_back(std::string("/") + name);
  }
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;
  random_.seed(seed);
  for (int tree = 0; tree < kTrees && !HasFailure(); ++tree) {
    StartOver();
    for (int step = 0; step < kSteps && !HasFailure(); ++step) {
      SCOPED_TRACE("tree " + std::to_string(tree) + ", step " +
                   std::to_string(step) + " of seed " + std::to_string(seed));
      if (step < 8 || Below(15) == 0) {
        Derive();
      } else if (Below(4) == 0) {
        ChangeSource();
      } else {
        Write();
      }
      CompareReadings(paths);
    }
  }
  // Each path in each of the three views.
  EXPECT_EQ(compared_, size_t{kTrees} * kSteps * 3 * paths.size());
  EXPECT_GT(existing_, size_t{kTrees} * kSteps);
}

INSTANTIATE_OVER_STORAGES(ViewsTest);

}  // namespace
}  // namespace restate::test
