#include "tests/fuzz/tree_promises.h"

#include <string>

#include "engine/error/error.h"
#include "engine/tree/tree.h"
#include "engine/value/value_proto.h"
#include "google/protobuf/stubs/logging.h"
#include "restate/v1/value.pb.h"
#include "tests/fuzz/fuzz_target.h"

namespace restate {
namespace {

// Protobuf tells of every text that is not UTF-8; here nearly all are not.
[[maybe_unused]] auto* const silenced =
    google::protobuf::SetLogHandler(nullptr);

void CheckEncoding(const Value& value) {
  v1::Value proto;
  ToProto(value, &proto);
  v1::Value parsed;
  FUZZ_CHECK(parsed.ParseFromString(proto.SerializeAsString()));
  const absl::StatusOr<Value> again = FromProto(parsed);
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(Value::Identical(*again, value));
  FUZZ_CHECK(*again == value);
}

void CheckRebuilding(const Value& canonical) {
  TreeBuilder builder;
  size_t own_values = 0;
  FUZZ_CHECK(
      tree::ForEachOwnValue(canonical, [&](const Path& path, const Value& own) {
        ++own_values;
        FUZZ_CHECK(own.is_leaf() || own.is_empty_map());
        const Tree there = tree::Get(canonical, path);
        FUZZ_CHECK(there.has_value());
        const Tree its_own = tree::OwnValue(there);
        FUZZ_CHECK(its_own.has_value() && Value::Identical(*its_own, own));
        builder.Add(path, own);
        return true;
      }));
  FUZZ_CHECK(own_values == tree::CountOwnValues(canonical));
  const Tree rebuilt = builder.Finish();
  FUZZ_CHECK(rebuilt.has_value() && Value::Identical(*rebuilt, canonical));
}

void CheckPlacing(const Value& canonical) {
  const Path at = Path().Child("a").Child("b");
  const Tree placed = tree::Replace(Tree(), at, canonical);
  const Tree read = tree::Get(placed, at);
  FUZZ_CHECK(read.has_value() && Value::Identical(*read, canonical));
  FUZZ_CHECK(!tree::Replace(placed, at, Tree()).has_value());
  tree::Diff(placed, placed, [](const Path&, const Value*, const Value*) {
    FUZZ_CHECK(false && "a tree differs from itself");
  });
  size_t differences = 0;
  tree::Diff(Tree(), canonical,
             [&](const Path&, const Value* before, const Value* after) {
               FUZZ_CHECK(before == nullptr && after != nullptr);
               ++differences;
             });
  FUZZ_CHECK(differences == tree::CountOwnValues(canonical));
}

}  // namespace

void CheckTreePromises(const Value& decoded) {
  FUZZ_CHECK(decoded == decoded);
  FUZZ_CHECK(Value::Identical(decoded, decoded));
  FUZZ_CHECK(!decoded.DebugString().empty());
  CheckEncoding(decoded);
  const absl::StatusOr<Value> canonical =
      tree::Canonicalize(decoded, Path(), tree::WriteLimits());
  if (!canonical.ok()) {
    const std::string reason = ErrorReason(canonical.status());
    FUZZ_CHECK(reason == "INVALID_VALUE" || reason == "LEAF_TOO_LARGE" ||
               reason == "TOO_MANY_NODES");
    return;
  }
  const absl::StatusOr<Value> again =
      tree::Canonicalize(*canonical, Path(), tree::WriteLimits());
  FUZZ_CHECK(again.ok() && Value::Identical(*again, *canonical));
  CheckEncoding(*canonical);
  CheckRebuilding(*canonical);
  CheckPlacing(*canonical);
}

}  // namespace restate
