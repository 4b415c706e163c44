#include "service/adapters/request_fingerprint.h"

#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "restate/v1/state_service.pb.h"
#include "service/adapters/commit_adapter.h"

namespace restate {
namespace {

constexpr char kUuid[] = "123e4567-e89b-42d3-a456-426614174000";

template <typename Proto>
RequestIdentity IdentityOf(Proto request) {
  request.set_request_id(kUuid);
  const absl::StatusOr<CommitRequest> commit =
      DecodeCommit(request, RequestLimits());
  EXPECT_TRUE(commit.ok()) << commit.status();
  return commit.ok() ? commit->identity.value_or(RequestIdentity())
                     : RequestIdentity();
}

v1::SetStateRequest Set() {
  v1::SetStateRequest request;
  request.mutable_path()->set_text("/a/b");
  (*request.mutable_value()->mutable_map_value()->mutable_fields())["n"]
      .set_int_value(1);
  return request;
}

// A client library that was updated between a call and its retry spelled the path
// without its slash, and was told that its id was another request's.
TEST(RequestFingerprintTest, TheSpellingDoesNotCount) {
  const RequestIdentity identity = IdentityOf(Set());
  EXPECT_NE(identity.fingerprint, 0);
  using Change = std::function<void(v1::SetStateRequest&)>;
  const std::vector<Change> spellings = {
      [](auto& r) { r.mutable_path()->set_text("a/b"); },
      [](auto& r) { r.mutable_path()->set_text("//a/b/"); },
      [](auto& r) {
        r.mutable_path()->clear_text();
        r.mutable_path()->add_segments("a");
        r.mutable_path()->add_segments("b");
      },
      [](auto& r) {
        auto& json = *r.mutable_value()->mutable_json();
        (*json.mutable_struct_value()->mutable_fields())["n"].set_number_value(
            1);
      },
      [](auto& r) { r.set_encoding(v1::VALUE_ENCODING_TYPED); },
      [](auto& r) { r.set_mode(v1::WRITE_MODE_SET); },
      [](auto& r) {
        r.mutable_equality()->set_mode(v1::EQUALITY_MODE_EQUAL);
      },
      [](auto& r) { r.mutable_equality(); },
      [](auto& r) { r.set_durability(v1::DURABILITY_DURABLE); },
      [](auto& r) { r.set_durability(v1::DURABILITY_RELAXED); },
      [](auto& r) { r.set_wait(v1::WAIT_NONE); },
      [](auto& r) { r.set_epoch("the server's"); },
      [](auto& r) { r.mutable_value()->set_lossy(true); },
  };
  for (size_t i = 0; i < spellings.size(); ++i) {
    v1::SetStateRequest request = Set();
    spellings[i](request);
    EXPECT_EQ(IdentityOf(request), identity) << i << request.DebugString();
  }
  const std::vector<Change> others = {
      [](auto& r) { r.mutable_path()->set_text("/a/c"); },
      [](auto& r) { r.mutable_value()->set_int_value(1); },
      [](auto& r) {
        (*r.mutable_value()->mutable_map_value()->mutable_fields())["n"]
            .set_double_value(1);
      },
      [](auto& r) { r.set_mode(v1::WRITE_MODE_MERGE); },
      [](auto& r) {
        r.mutable_equality()->set_mode(v1::EQUALITY_MODE_ALWAYS_WRITE);
      },
      [](auto& r) { r.mutable_default_value()->set_int_value(1); },
      [](auto& r) { r.mutable_payload()->set_int_value(1); },
      [](auto& r) { r.set_skip_notify(true); },
      [](auto& r) { r.set_session_id("s"); },
      [](auto& r) { r.mutable_ttl()->set_seconds(1); },
      [](auto& r) { r.set_run_id("r"); },
      [](auto& r) {
        r.add_preconditions()->mutable_exists()->mutable_path()->set_text("/a");
      },
  };
  for (size_t i = 0; i < others.size(); ++i) {
    v1::SetStateRequest request = Set();
    others[i](request);
    EXPECT_EQ(IdentityOf(request).id, identity.id);
    EXPECT_NE(IdentityOf(request).fingerprint, identity.fingerprint)
        << i << request.DebugString();
  }
}

TEST(RequestFingerprintTest, AMapHasNoOrder) {
  v1::SetStateRequest forwards = Set();
  v1::SetStateRequest backwards = Set();
  for (int i = 0; i < 100; ++i) {
    (*forwards.mutable_value()->mutable_map_value()->mutable_fields())
        [std::to_string(i)].set_int_value(i);
    (*backwards.mutable_value()->mutable_map_value()->mutable_fields())
        [std::to_string(99 - i)].set_int_value(99 - i);
  }
  EXPECT_EQ(IdentityOf(forwards), IdentityOf(backwards));
}

TEST(RequestFingerprintTest, ConditionsAreSpelledAsTheyLike) {
  const auto with = [](auto fill) {
    v1::DeleteStateRequest request;
    request.mutable_path()->set_text("/a");
    fill(*request.add_preconditions());
    return request;
  };
  const auto exists = [](v1::Precondition& p) {
    p.mutable_exists()->mutable_path()->set_text("/a");
  };
  const auto plainly = [](v1::Precondition& p) {
    p.mutable_exists()->mutable_path()->set_text("a");
    p.mutable_exists()->set_exists(true);
  };
  const auto absent = [](v1::Precondition& p) {
    p.mutable_exists()->mutable_path()->set_text("/a");
    p.mutable_exists()->set_exists(false);
  };
  EXPECT_EQ(IdentityOf(with(exists)), IdentityOf(with(plainly)));
  EXPECT_NE(IdentityOf(with(exists)), IdentityOf(with(absent)));
}

TEST(RequestFingerprintTest, TheKindOfRequestCounts) {
  v1::PingRequest ping;
  ping.mutable_path()->set_text("/a");
  v1::DeleteStateRequest deletion;
  deletion.mutable_path()->set_text("/a");
  v1::CommitRequest commit;
  commit.add_operations()->mutable_delete_()->mutable_path()->set_text("/a");
  EXPECT_NE(IdentityOf(ping), IdentityOf(deletion));
  EXPECT_NE(IdentityOf(commit), IdentityOf(deletion));
}

TEST(RequestFingerprintTest, ItIsTheSameInEveryVersion) {
  // It is on disk. The first half of the SHA-256 of, with eight bytes for each
  // number, lowest first: 4, "ping", 0, 1; 3, 0 (the root), 0; 0.
  CommitRequest request;
  request.operations.push_back(PingOperation{});
  EXPECT_EQ(FingerprintOf("ping", request),
            absl::MakeUint128(0x71c2001a24d28b39, 0xd66de4fa47113320));
}

}  // namespace
}  // namespace restate
