#include "service/config/command_line.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/config/config_file.h"

namespace restate {
namespace {

// For a value that must not be empty: it is what is left of a variable that is not
// set.
absl::Status CheckGiven(std::string_view value) {
  if (!value.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "must not be empty (is a variable not set?); leave the flag out to do "
      "without");
}

// As CLI11 wants it: the error's text, empty if there is none.
auto Checked(absl::Status (*check)(std::string_view)) {
  return [check](const std::string& text) {
    return std::string(check(text).message());
  };
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(int argc,
                                             const char* const* argv) {
  CommandLine given;
  CLI::App app("restated: a reactive state tree, served over gRPC", "restated");
  app.set_version_flag("--version", absl::StrCat("restated ", kVersion));
  app.add_option("--data-dir", given.data_dir,
                 "where durable state lives; without it everything is in "
                 "memory")
      ->type_name("DIR")
      ->check(Checked(CheckGiven));
  app.add_option("--listen", given.listen,
                 "address to serve on; port 0 picks a free one (default "
                 "0.0.0.0:7420)")
      ->type_name("HOST:PORT")
      ->check(Checked(CheckListenAddress));
  app.add_option("--http-listen", given.http_listen,
                 "address to serve metrics on, at /metrics; port 0 picks a "
                 "free one, \"off\" serves none (default 0.0.0.0:7421, if it "
                 "is free)")
      ->type_name("HOST:PORT")
      ->check(Checked(CheckHttpListenAddress));
  app.add_option("--config", given.config_file,
                 "YAML configuration; flags win over it")
      ->type_name("FILE")
      ->check(Checked(CheckGiven));
  app.add_option("--log-level", given.log_level,
                 "trace, debug, info, warn, error or off (default info); the "
                 "log goes to standard error")
      ->type_name("LEVEL")
      ->check(Checked(CheckLogLevel));
  app.add_flag("--accept-data-loss", given.accept_data_loss,
               "start a damaged store with what can be read of it, in a new "
               "epoch; the damaged files are kept beside it");
  // CLI11 throws; this is the border.
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    given.print = app.help();
  } catch (const CLI::CallForVersion& e) {
    given.print = absl::StrCat(e.what(), "\n");
  } catch (const CLI::ParseError& e) {
    return absl::InvalidArgumentError(
        absl::StrCat(e.what(), "\nrestated --help lists the flags."));
  }
  return given;
}

absl::StatusOr<Config> LoadConfig(const CommandLine& command_line) {
  Config config;
  if (command_line.config_file.has_value()) {
    absl::Status status = ReadConfigFile(*command_line.config_file, &config);
    if (!status.ok()) return status;
  }
  if (command_line.data_dir.has_value()) {
    config.data_dir = *command_line.data_dir;
  }
  if (command_line.listen.has_value()) config.listen = *command_line.listen;
  if (command_line.http_listen.has_value()) {
    config.http_listen = *command_line.http_listen;
  }
  if (command_line.log_level.has_value()) {
    config.log_level = *command_line.log_level;
  }
  config.accept_data_loss = command_line.accept_data_loss;
  return Complete(std::move(config));
}

}  // namespace restate
