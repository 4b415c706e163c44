#ifndef RESTATE_SERVICE_CONFIG_CONFIG_FILE_H_
#define RESTATE_SERVICE_CONFIG_CONFIG_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "service/config/config.h"

namespace restate {

// Reads YAML into `*config`; what the text does not name stays as it is.
//
//   listen: 127.0.0.1:7420
//   http_listen: 127.0.0.1:7421
//   data_dir: /var/lib/restate
//   log_level: info
//   mounts:
//     - {path: /, backend: rocksdb}
//     - {path: /tmp, backend: memory}
//     - path: /etc
//       backend: filesystem
//       directory: /etc/app
//       cache: {flush_interval: 5s}
//   mounts_by_rpc:
//     directories: [/srv/app]
//     addresses: ["store.example.com:7420"]
//     at_most: 100
//   limits:
//     leaf_bytes: 1048576
//
// INVALID_ARGUMENT naming `name`, the line, the key and what is allowed there:
// for an unknown key, a key named twice, and a bad value.
absl::Status ReadConfigText(const std::string& text, const std::string& name,
                            Config* config);

// The same from a file. NOT_FOUND if it cannot be read.
absl::Status ReadConfigFile(const std::string& file, Config* config);

}  // namespace restate

#endif  // RESTATE_SERVICE_CONFIG_CONFIG_FILE_H_
