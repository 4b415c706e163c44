#ifndef RESTATE_SERVICE_CONFIG_COMMAND_LINE_H_
#define RESTATE_SERVICE_CONFIG_COMMAND_LINE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "service/config/config.h"

namespace restate {

// What `restated --version` says.
inline constexpr char kVersion[] = "0.1.0";

// What was given on the command line.
struct CommandLine {
  // Of --help and --version: print it and exit 0.
  std::optional<std::string> print;
  std::optional<std::string> config_file;
  std::optional<std::string> data_dir;
  std::optional<std::string> listen;
  std::optional<std::string> http_listen;
  std::optional<std::string> log_level;
  bool accept_data_loss = false;
};

// INVALID_ARGUMENT with a text for people if the arguments are no good; the
// process should then exit with 2.
absl::StatusOr<CommandLine> ParseCommandLine(int argc,
                                             const char* const* argv);

// The whole configuration: defaults, then the file, then the flags. Errors of
// ReadConfigFile and Complete.
absl::StatusOr<Config> LoadConfig(const CommandLine& command_line);

}  // namespace restate

#endif  // RESTATE_SERVICE_CONFIG_COMMAND_LINE_H_
