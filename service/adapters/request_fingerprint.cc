#include "service/adapters/request_fingerprint.h"

#include <openssl/evp.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "engine/value/value.h"

namespace restate {
namespace {

// Writes down what a request asks for, so that two requests give the same bytes
// only if they ask for the same: everything has its kind or its length before it.
class Meaning {
 public:
  void Add(uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) {
      bytes_.push_back(static_cast<char>(number >> shift));
    }
  }
  void Add(std::string_view text) {
    Add(text.size());
    bytes_.append(text);
  }
  void Add(const Path& path) { Add(std::string_view(path.key())); }
  void Add(const Tree& tree) {
    Add(uint64_t{tree.has_value()});
    if (tree.has_value()) Add(*tree);
  }
  void Add(const Value& value);
  void Add(const Equality& equality);
  void operator()(const SetOperation& set);
  void operator()(const DeleteOperation& deletion);
  void operator()(const PingOperation& ping);
  void operator()(const UnchangedSince& condition);
  void operator()(const Exists& condition);
  void operator()(const Equals& condition);

  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Numbers of their own, since those of enumerators may change.
uint64_t NumberOf(WriteMode mode) {
  switch (mode) {
    case WriteMode::kSet:
      return 1;
    case WriteMode::kValue:
      return 2;
    case WriteMode::kMerge:
      return 3;
    case WriteMode::kIfAbsent:
      return 4;
    case WriteMode::kAdd:
      return 5;
    case WriteMode::kAppend:
      return 6;
  }
  return 0;
}

uint64_t NumberOf(View view) {
  switch (view) {
    case View::kAll:
      return 1;
    case View::kWithoutDerived:
      return 2;
    case View::kOwnValue:
      return 3;
  }
  return 0;
}

void Meaning::Add(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return Add(uint64_t{1});
    case Value::Kind::kBool:
      Add(uint64_t{2});
      return Add(uint64_t{value.as_bool()});
    case Value::Kind::kInt:
      Add(uint64_t{3});
      return Add(static_cast<uint64_t>(value.as_int()));
    case Value::Kind::kDouble:
      Add(uint64_t{4});
      return Add(std::bit_cast<uint64_t>(value.as_double()));
    case Value::Kind::kString:
      Add(uint64_t{5});
      return Add(std::string_view(value.as_string()));
    case Value::Kind::kBytes:
      Add(uint64_t{6});
      return Add(std::string_view(value.as_bytes()));
    case Value::Kind::kList:
      Add(uint64_t{7});
      Add(value.as_list().size());
      for (const Value& item : value.as_list()) Add(item);
      return;
    case Value::Kind::kMap:
      Add(uint64_t{8});
      Add(value.as_map().size());
      for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
        Add(std::string_view(it->key));
        Add(it->value);
      }
      return;
  }
}

void Meaning::Add(const Equality& equality) {
  switch (equality.kind) {
    case Equality::Kind::kEqual:
      return Add(uint64_t{1});
    case Equality::Kind::kAlwaysWrite:
      return Add(uint64_t{2});
    case Equality::Kind::kFields:
      Add(uint64_t{3});
      Add(equality.fields.size());
      for (const Path& field : equality.fields) Add(field);
      return;
    case Equality::Kind::kLua:
      Add(uint64_t{4});
      return Add(std::string_view(equality.lua));
  }
}

void Meaning::operator()(const SetOperation& set) {
  Add(uint64_t{1});
  Add(set.path);
  Add(set.value);
  Add(NumberOf(set.mode));
  Add(set.equality);
  Add(set.default_value);
  Add(set.payload);
  Add(uint64_t{set.skip_notify});
  Add(std::string_view(set.session_id));
  Add(static_cast<uint64_t>(absl::ToInt64Milliseconds(set.ttl)));
}

void Meaning::operator()(const DeleteOperation& deletion) {
  Add(uint64_t{2});
  Add(deletion.path);
  Add(deletion.payload);
  Add(uint64_t{deletion.skip_notify});
}

void Meaning::operator()(const PingOperation& ping) {
  Add(uint64_t{3});
  Add(ping.path);
  Add(ping.payload);
}

void Meaning::operator()(const UnchangedSince& condition) {
  Add(uint64_t{1});
  Add(condition.path);
  Add(static_cast<uint64_t>(condition.revision));
  Add(NumberOf(condition.view));
}

void Meaning::operator()(const Exists& condition) {
  Add(uint64_t{2});
  Add(condition.path);
  Add(uint64_t{condition.exists});
}

void Meaning::operator()(const Equals& condition) {
  Add(uint64_t{3});
  Add(condition.path);
  Add(condition.value);
}

}  // namespace

absl::uint128 FingerprintOf(std::string_view type,
                            const CommitRequest& request) {
  Meaning meaning;
  meaning.Add(type);
  meaning.Add(request.preconditions.size());
  for (const Precondition& condition : request.preconditions) {
    std::visit(meaning, condition);
  }
  meaning.Add(request.operations.size());
  for (const Operation& operation : request.operations) {
    std::visit(meaning, operation);
  }
  meaning.Add(std::string_view(request.run_id));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(meaning.bytes().data(), meaning.bytes().size(), digest.data(),
             nullptr, EVP_sha256(), nullptr);
  absl::uint128 number = 0;
  for (size_t i = 0; i < sizeof(number); ++i) number = number << 8 | digest[i];
  return number;
}

}  // namespace restate
