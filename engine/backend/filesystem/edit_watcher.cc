#include "engine/backend/filesystem/edit_watcher.h"

#include <poll.h>
#include <sys/eventfd.h>
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

EditWatcher::EditWatcher(absl::Duration quiet, std::function<bool()> rescan)
    : quiet_(quiet),
      rescan_(std::move(rescan)),
      inotify_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      poked_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (inotify_.valid()) return;
  problem_ = absl::StrCat(
      "edits are not noticed (", std::generic_category().message(errno),
      "): raise fs.inotify.max_user_instances and restart");
}

EditWatcher::~EditWatcher() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  Poke();
  if (thread_.joinable()) thread_.join();
}

void EditWatcher::Start() {
  thread_ = std::thread([this] { Run(); });
}

void EditWatcher::Watch(int fd) {
  if (!inotify_.valid()) return;
  // By way of /proc, because the name may lead elsewhere by now.
  const std::string name = absl::StrCat("/proc/self/fd/", fd);
  if (inotify_add_watch(inotify_.get(), name.c_str(), kEvents) >= 0) return;
  MutexLock lock(&mutex_);
  problem_ = absl::StrCat(
      "edits in some directories are not noticed (",
      std::generic_category().message(errno),
      "): raise fs.inotify.max_user_watches and restart");
}

void EditWatcher::Poke() {
  const uint64_t one = 1;
  // It can only fail when it is readable already.
  (void)!write(poked_.get(), &one, sizeof(one));
}

std::string EditWatcher::problem() const {
  MutexLock lock(&mutex_);
  return problem_;
}

bool EditWatcher::stopping() const {
  MutexLock lock(&mutex_);
  return stopping_;
}

void EditWatcher::Run() {
  const SystemClock clock;
  while (!stopping()) {
    const bool done = rescan_();
    bool news = false;
    while (!news && !stopping()) {
      news = WaitForNews(done ? absl::InfiniteDuration() : kPatience * quiet_);
      if (!done) break;
    }
    const absl::Duration first = clock.Monotonic();
    while (news && !stopping() &&
           clock.Monotonic() - first < kPatience * quiet_) {
      news = WaitForNews(quiet_);
    }
  }
}

bool EditWatcher::WaitForNews(absl::Duration timeout) {
  pollfd descriptors[] = {{poked_.get(), POLLIN, 0},
                          {inotify_.get(), POLLIN, 0}};
  const int milliseconds =
      timeout == absl::InfiniteDuration()
          ? -1
          : static_cast<int>(absl::ToInt64Milliseconds(timeout));
  if (poll(descriptors, 2, milliseconds) <= 0) return false;
  uint64_t count = 0;
  const bool poked =
      read(poked_.get(), &count, sizeof(count)) == sizeof(count);
  return ReadEvents() || poked;
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
