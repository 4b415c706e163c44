#ifndef RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_STORE_H_
#define RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/path/path.h"
#include "engine/value/value.h"

namespace restate {

// How far a store has got: restate.v1.StoreVersion.
struct StoreVersion {
  // Who wrote last; empty if nobody has.
  std::string writer;
  Revision revision = 0;
  bool operator==(const StoreVersion&) const = default;
};

// What a store can hold: restate.v1.StoreLimits, with SIZE_MAX for no bound.
struct StoreLimits {
  bool read_only = false;
  size_t max_value_bytes = SIZE_MAX;
  size_t max_segment_bytes = SIZE_MAX;
  size_t max_path_bytes = SIZE_MAX;
  size_t max_depth = SIZE_MAX;
  // An own value that is a map is {}.
  std::vector<Value::Kind> refused_kinds;
};

// What a store says of itself.
struct StoreInfo {
  std::string name;
  // Told apart from every other store by this.
  std::string store_id;
  StoreVersion version;
  StoreLimits limits;
  BackendSize size;
};

// Which own values to give.
struct ScanRange {
  // At or below this.
  Path within;
  // At or after this in path order; after it, if `exclusive`.
  Path start;
  bool exclusive = false;
  // At most so many; at least 1.
  size_t max_entries = 1;
  // About at most so many bytes.
  size_t max_bytes = 0;
};

// An own value with the key of its path.
struct OwnValue {
  std::string key;
  Value value;
};

// What a scan found, in path order.
struct ScanPage {
  std::vector<OwnValue> entries;
  // Whether there is more in the range after the last entry.
  bool more = false;
};

// Writes from one version to another.
struct StoreBatch {
  StoreVersion from;
  StoreVersion to;
  std::vector<Write> writes;
  // More writes for the same versions follow in another batch; until then the
  // store stays at `from`.
  bool more = false;
};

// A store somewhere else: restate.v1.BackendService, without the wire. Calls
// block, for a bounded time.
//
// Errors: UNAVAILABLE if the same call may work later, whatever is in the way;
// anything else is final.
//
// Thread-safe.
class RemoteStore {
 public:
  virtual ~RemoteStore() = default;

  // Where it is, for people: "127.0.0.1:7500".
  virtual const std::string& address() const = 0;

  virtual absl::StatusOr<StoreInfo> GetInfo() = 0;
  // The same without waiting: calls `done`, on any thread, when it is answered.
  // The store is not used any more by then.
  virtual void StartGetInfo(
      std::function<void(absl::StatusOr<StoreInfo>)> done) {
    done(GetInfo());
  }
  // `store_id`, if not empty, must be the store's. What is given is as the
  // store sent it: page_check.h judges it.
  virtual absl::StatusOr<ScanPage> Scan(const std::string& store_id,
                                        const ScanRange& range) = 0;
  virtual absl::Status Apply(const std::string& store_id,
                             const StoreBatch& batch) = 0;

  // Ends the calls that are under way with UNAVAILABLE, and every later one.
  virtual void Close() = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_STORE_H_
