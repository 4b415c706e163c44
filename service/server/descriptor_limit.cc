#include "service/server/descriptor_limit.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>

namespace restate {
namespace {

// More than the kernel's own bound (fs.nr_open) is refused.
constexpr rlim_t kMost = 1'048'576;
// Fewer are worth a word.
constexpr rlim_t kFew = 4'096;

}  // namespace

void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t most = std::min(limit.rlim_max, kMost);
  if (limit.rlim_cur < most) {
    rlimit raised = limit;
    raised.rlim_cur = most;
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  if (limit.rlim_cur < kFew) {
    spdlog::warn(
        "only {} files and connections may be open at once: raise the limit "
        "(LimitNOFILE, ulimit -Hn)",
        limit.rlim_cur);
  }
}

}  // namespace restate
