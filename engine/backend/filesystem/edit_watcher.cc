#include "engine/backend/filesystem/edit_watcher.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/clock/clock.h"

namespace restate {
namespace {

// All that can change what files say, except a program that writes into a file
// it keeps open: half of a text is no news.
constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE |
                             IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB |
                             IN_DELETE_SELF | IN_MOVE_SELF;
// How many times `quiet` is waited while the directory is never quiet, and
// before a rescan that failed is done again.
constexpr int kPatience = 10;

constexpr std::string_view kOwnPrefix = ".restate";
constexpr std::string_view kTemporaryPrefix = ".restate-tmp-";

}  // namespace

EditWatcher::EditWatcher(JobPool* jobs, absl::Duration quiet,
                         std::function<bool()> rescan)
    : quiet_(quiet),
      rescan_(std::move(rescan)),
      inotify_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      job_(jobs->Add([this] { return Step(); })) {
  if (inotify_.valid()) return;
  SetProblem("edits are not noticed", errno, "fs.inotify.max_user_instances");
}

EditWatcher::~EditWatcher() { job_->Stop(); }

void EditWatcher::Start() { job_->Wake(); }

void EditWatcher::Watch(int fd) {
  if (!inotify_.valid()) return;
  // By way of /proc, because the name may lead elsewhere by now.
  const std::string name = absl::StrCat("/proc/self/fd/", fd);
  if (inotify_add_watch(inotify_.get(), name.c_str(), kEvents) >= 0) return;
  SetProblem("edits in some directories are not noticed", errno,
             "fs.inotify.max_user_watches");
}

void EditWatcher::Poke() {
  {
    MutexLock lock(&mutex_);
    poked_ = true;
  }
  job_->Wake();
}

void EditWatcher::SetProblem(const std::string& what, int error,
                             const std::string& setting) {
  MutexLock lock(&mutex_);
  problem_ =
      absl::StrCat(what, " (", std::generic_category().message(error),
                   "): raise ", setting, " and restart");
}

std::string EditWatcher::problem() const {
  MutexLock lock(&mutex_);
  return problem_;
}

absl::Duration EditWatcher::UntilRescan(absl::Duration now) const {
  const absl::Duration quiet = std::min(last_news_ + quiet_,
                                        first_news_ + kPatience * quiet_);
  return std::min(look_at_, quiet) - now;
}

absl::Duration EditWatcher::Step() {
  const SystemClock clock;
  absl::Duration now = clock.Monotonic();
  bool poked = false;
  {
    MutexLock lock(&mutex_);
    poked = std::exchange(poked_, false);
  }
  if (ReadEvents() || poked) {
    first_news_ = std::min(first_news_, now);
    last_news_ = now;
  }
  absl::Duration wait = UntilRescan(now);
  if (wait <= absl::ZeroDuration()) {
    first_news_ = last_news_ = absl::InfiniteDuration();
    const bool done = rescan_();
    now = clock.Monotonic();
    look_at_ = done ? absl::InfiniteDuration() : now + kPatience * quiet_;
    wait = UntilRescan(now);
  }
  if (inotify_.valid() && !job_->WakeWhenReadable(inotify_.get())) {
    // What cannot be waited for is looked at now and then.
    wait = std::min(wait, kPatience * quiet_);
  }
  return wait;
}

bool EditWatcher::ReadEvents() {
  alignas(inotify_event) char buffer[1 << 14];
  bool news = false;
  ssize_t size = 0;
  while ((size = read(inotify_.get(), buffer, sizeof(buffer))) > 0) {
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      const std::string_view name =
          event->len == 0 ? std::string_view() : std::string_view(event->name);
      if (name.starts_with(kOwnPrefix)) {
        if (name.starts_with(kTemporaryPrefix) &&
            (event->mask & IN_MOVED_FROM) != 0) {
          own_rename_ = event->cookie;
        }
        continue;
      }
      const bool own = (event->mask & IN_MOVED_TO) != 0 &&
                       event->cookie == own_rename_;
      // IN_IGNORED only says that a watch has ended.
      if (!own && (event->mask & IN_IGNORED) == 0) news = true;
    }
  }
  return news;
}

}  // namespace restate
