// Any text as the configuration file: it is read, or refused with its line.

#include <string>

#include "service/config/config.h"
#include "service/config/config_file.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  restate::Config config;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const absl::Status status = restate::ReadConfigText(text, "c", &config);
  if (!status.ok()) {
    FUZZ_CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    FUZZ_CHECK(std::string(status.message()).rfind("c:", 0) == 0);
    return 0;
  }
  // Whatever it says can be judged as a whole.
  const auto complete = restate::Complete(std::move(config));
  FUZZ_CHECK(complete.ok() || complete.status().code() ==
                                  absl::StatusCode::kInvalidArgument);
  return 0;
}
