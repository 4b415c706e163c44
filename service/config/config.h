#ifndef RESTATE_SERVICE_CONFIG_CONFIG_H_
#define RESTATE_SERVICE_CONFIG_CONFIG_H_

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/client/client_accounts.h"
#include "engine/derivation/derivation_limits.h"
#include "service/adapters/limits.h"
#include "service/clients/address_range.h"
#include "service/config/mount_config.h"

namespace restate {

// How much is too much. Each has a clear error when it is passed.
struct LimitsConfig {
  // Whether there are bounds per client besides those in all.
  bool per_client = true;
  // leaf_bytes, nodes, operations, patterns, paths and message_bytes of the
  // file; `max_read_bytes` follows from message_bytes (see Complete).
  RequestLimits request;
  // Bytes that wait for one subscriber, or for all those of a session.
  size_t queue_bytes = size_t{8} << 20;
  // Commits, and their bytes, that wait to be sequenced.
  size_t commit_queue_length = 100'000;
  size_t commit_queue_bytes = size_t{256} << 20;
  size_t commit_queue_length_per_client = 25'000;
  size_t commit_queue_bytes_per_client = size_t{64} << 20;
  // Bytes of the memory of last changes, which answers `unchanged_since`.
  size_t last_changes_bytes = size_t{256} << 20;
  // Bytes of the past commits that are kept, on disk or in memory. 0 until
  // complete (see Complete): 4 GiB with a data directory, else 64 MiB.
  size_t history_bytes = 0;
  // Commits older than this are forgotten.
  absl::Duration history_age = absl::Hours(24);
  // Bytes of blocks of the RocksDB store that are kept in memory once read.
  size_t block_cache_bytes = size_t{256} << 20;
  // Bytes of writes to one of its families that the store keeps in memory before
  // they go to a file.
  size_t write_buffer_bytes = size_t{64} << 20;
  // Bytes of the answers that are kept for retries.
  size_t request_ids_bytes = size_t{64} << 20;
  // What clients may hold, each and all together.
  ClientLimits clients;
  // The subscriptions of one session, and how long one is kept without a stream.
  size_t session_subscriptions = 10'000;
  absl::Duration session_grace = absl::Seconds(60);
  // How long an intercepting subscriber may take for its answer.
  absl::Duration acknowledge_timeout = absl::Seconds(5);
  // What derivations may use; what a destination may hold follows from
  // `request` (see Complete).
  DerivationLimits derivations;
};

// What `http_listen` says to serve no metrics.
inline constexpr char kNoHttp[] = "off";
// Where metrics are served when nobody says where.
inline constexpr char kDefaultHttpListen[] = "0.0.0.0:7421";

// Everything `restated` can be told. Comes from the command line and the
// configuration file; docs/operations.md describes each setting.
struct Config {
  // HOST:PORT; port 0 picks a free one.
  std::string listen = "0.0.0.0:7420";
  // HOST:PORT of the metrics; port 0 picks a free one. kNoHttp: there are none.
  // Empty: kDefaultHttpListen, and none if that is taken, so that several
  // servers of one machine need not be told apart by those who do not scrape.
  std::string http_listen;
  // Where durable state lives. Empty: everything is in memory.
  std::string data_dir;
  // Whether to go on with what can be read of a store that is damaged.
  bool accept_data_loss = false;
  // trace, debug, info, warn, error or off.
  std::string log_level = "info";
  // Never empty once complete (see Complete); one of them at the root.
  std::vector<MountConfig> mounts;
  // What clients may mount.
  MountsByRpc mounts_by_rpc;
  // What other servers may mount; clients of this one may only read there.
  std::vector<Path> exports;
  // Whose connections carry many clients: bounds per client do not hold there.
  std::vector<AddressRange> trusted_proxies;
  LimitsConfig limits;
  // Where the configuration file says what it says, "FILE:LINE", for errors that
  // only show when everything is known: by key ("data_dir",
  // "limits.leaf_bytes"), and by MountKey and ExportKey.
  std::map<std::string, std::string> places;
  // The umask for files of the user's own, in mounted directories: the one that
  // the process was started with. Unset: the process' own.
  std::optional<mode_t> files_umask;
};

// The keys of Config::places for a mount and for an export.
std::string MountKey(const Path& at);
std::string ExportKey(const Path& path);

// OK if `listen` is HOST:PORT with a port from 0 to 65535: "127.0.0.1:7420",
// "localhost:0", "[::1]:7420". INVALID_ARGUMENT telling what is wrong.
absl::Status CheckListenAddress(std::string_view listen);
// OK if `listen` is that, but not of IPv6, or kNoHttp.
absl::Status CheckHttpListenAddress(std::string_view listen);
// OK if `level` is a log level. INVALID_ARGUMENT naming those there are.
absl::Status CheckLogLevel(std::string_view level);

// Fills in what depends on other settings and checks what only shows when all
// of them are known.
//
// Default mounts: with a data directory RocksDB at / and memory at /tmp,
// without one memory at /. INVALID_ARGUMENT if a RocksDB mount has no data
// directory, nothing is mounted at /, two mounts are at one path or in one
// directory, / or a path below another export is exported, or a leaf may be more
// than a quarter of a message: it must fit with its frame, as base64, into every
// answer and event. Errors of CheckMount. An error about what the configuration
// file says begins with the place, "FILE:LINE: ".
absl::StatusOr<Config> Complete(Config config);

}  // namespace restate

#endif  // RESTATE_SERVICE_CONFIG_CONFIG_H_
