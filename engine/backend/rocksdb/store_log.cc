#include "engine/backend/rocksdb/store_log.h"

#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/sync/mutex.h"

namespace restate {
namespace {

// Thread-safe.
class StoreLog : public ::rocksdb::Logger {
 public:
  explicit StoreLog(const std::string& path)
      : Logger(::rocksdb::InfoLogLevel::WARN_LEVEL),
        file_(std::fopen(path.c_str(), "we")) {}
  ~StoreLog() override {
    if (file_ != nullptr) std::fclose(file_);
  }

  using Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    if (file_ == nullptr) return;
    const std::string time =
        absl::FormatTime(absl::RFC3339_full, absl::Now(), absl::UTCTimeZone());
    MutexLock lock(&mutex_);
    std::fprintf(file_, "%s ", time.c_str());
    std::vfprintf(file_, format, arguments);
    std::fputc('\n', file_);
    std::fflush(file_);
  }

 private:
  Mutex mutex_;
  // Null if it could not be made. One line at a time.
  std::FILE* const file_;
};

}  // namespace

std::shared_ptr<::rocksdb::Logger> NewStoreLog(const std::string& directory) {
  const std::filesystem::path path = std::filesystem::path(directory) / "LOG";
  std::error_code ignored;
  std::filesystem::rename(path, path.string() + ".old", ignored);
  return std::make_shared<StoreLog>(path.string());
}

}  // namespace restate
