#ifndef RESTATE_ENGINE_VALUE_VALUE_H_
#define RESTATE_ENGINE_VALUE_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/value/persistent_map.h"

namespace restate {

// What a path reads as, immutable: null, bool, int64, double, string, bytes,
// list or map.
//
// Maps are the tree (engine/tree works on them): a node with children is a map
// of them, with its own value, if any, under the key "/". Copies share; a copy
// costs a reference count. Safe to read from many threads.
class Value {
 public:
  enum class Kind { kNull, kBool, kInt, kDouble, kString, kBytes, kList, kMap };

  using List = std::vector<Value>;
  using Map = PersistentMap<Value>;

  // Null.
  Value() = default;

  static Value Null() { return Value(); }
  static Value Bool(bool v) { return Value(Rep(v)); }
  static Value Int(int64_t v) { return Value(Rep(v)); }
  static Value Double(double v) { return Value(Rep(v)); }
  // REQUIRES: valid UTF-8.
  static Value String(std::string v) {
    return Value(Rep(std::make_shared<const std::string>(std::move(v))));
  }
  static Value Bytes(std::string v) {
    return Value(Rep(BytesRep{std::make_shared<const std::string>(std::move(v))}));
  }
  static Value MakeList(List v) {
    return Value(Rep(std::make_shared<const List>(std::move(v))));
  }
  static Value MakeMap(Map v) { return Value(Rep(std::move(v))); }
  static Value EmptyMap() { return MakeMap(Map()); }

  Kind kind() const { return static_cast<Kind>(rep_.index()); }
  bool is_map() const { return kind() == Kind::kMap; }
  bool is_leaf() const { return !is_map(); }
  bool is_empty_map() const { return is_map() && as_map().empty(); }
  bool is_number() const {
    return kind() == Kind::kInt || kind() == Kind::kDouble;
  }

  // REQUIRES: the kind.
  bool as_bool() const { return std::get<bool>(rep_); }
  int64_t as_int() const { return std::get<int64_t>(rep_); }
  double as_double() const { return std::get<double>(rep_); }
  const std::string& as_string() const { return *std::get<StringRep>(rep_); }
  const std::string& as_bytes() const { return *std::get<BytesRep>(rep_).data; }
  const List& as_list() const { return *std::get<ListRep>(rep_); }
  const Map& as_map() const { return std::get<Map>(rep_); }

  // Equality of the contract: 1 equals 1.0 (exactly, also beyond 2^53), true
  // does not equal 1, NaN equals NaN, lists and maps by their items.
  friend bool operator==(const Value& a, const Value& b);

  // Same kinds and same bits everywhere: what storage compares by.
  static bool Identical(const Value& a, const Value& b);

  // An upper bound of what the value takes in messages and queues, in bytes.
  // Stops counting once over `enough`.
  size_t ByteSize(size_t enough = SIZE_MAX) const;

  // What it takes as a restate.v1.Value of the typed kinds, exactly. Stops
  // counting once over `enough`.
  size_t EncodedBytes(size_t enough = SIZE_MAX) const;

  // What the limit on a leaf counts: EncodedBytes without the frame around it, so
  // the bytes of a string as they are, and for a list those of its items.
  size_t LeafBytes(size_t enough = SIZE_MAX) const;

  // For test failures: a JSON-like text that tells all kinds apart.
  std::string DebugString() const;

 private:
  struct BytesRep {
    std::shared_ptr<const std::string> data;
  };
  using StringRep = std::shared_ptr<const std::string>;
  using ListRep = std::shared_ptr<const List>;
  // In the order of Kind.
  using Rep = std::variant<std::monostate, bool, int64_t, double, StringRep,
                           BytesRep, ListRep, Map>;

  explicit Value(Rep rep) : rep_(std::move(rep)) {}

  Rep rep_;
};

// For GoogleTest.
void PrintTo(const Value& value, std::ostream* os);

}  // namespace restate

#endif  // RESTATE_ENGINE_VALUE_VALUE_H_
