#include "service/metrics/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>

namespace restate {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_usec) * 1e-6;
}

// Without the one that counting takes.
int64_t CountOpenFiles() {
  DIR* const directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  int64_t entries = 0;
  while (readdir(directory) != nullptr) ++entries;
  closedir(directory);
  // ".", ".." and the directory itself.
  return entries - 3;
}

}  // namespace

void AddProcessMetrics(absl::Time started, Families* families) {
  families->Gauge("process_start_time_seconds",
                  "When the process was started, in seconds since 1970.",
                  absl::ToDoubleSeconds(started - absl::UnixEpoch()));
  int64_t virtual_pages = 0;
  int64_t resident_pages = 0;
  if (std::ifstream("/proc/self/statm") >> virtual_pages >> resident_pages) {
    const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
    families->Gauge("process_resident_memory_bytes",
                    "Memory that the process has in use.",
                    static_cast<double>(resident_pages) * page);
    families->Gauge("process_virtual_memory_bytes",
                    "Addresses that the process has in use.",
                    static_cast<double>(virtual_pages) * page);
  }
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    families->Counter("process_cpu_seconds_total",
                      "Processor time that the process has used.",
                      Seconds(usage.ru_utime) + Seconds(usage.ru_stime));
  }
  families->Gauge("process_open_fds", "Files and sockets that are open.",
                  static_cast<double>(CountOpenFiles()));
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    families->Gauge("process_max_fds", "How many may be.",
                    static_cast<double>(files.rlim_cur));
  }
}

}  // namespace restate
