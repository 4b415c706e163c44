#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_EDIT_WATCHER_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_EDIT_WATCHER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "engine/backend/filesystem/file_descriptor.h"
#include "engine/sync/mutex.h"

namespace restate {

// Has a directory looked through after it has changed: a thread that waits on
// inotify until nothing has happened for a while, or something has happened for
// ten times as long.
//
// Files of the server's own names, and files that are renamed from them, are no
// news. Thread-safe.
class EditWatcher {
 public:
  // `rescan` is called from the thread, at its start too. It returns false if
  // it is to be called again later, whether or not anything happens.
  EditWatcher(absl::Duration quiet, std::function<bool()> rescan);
  // No call is under way any more. Not to be called from `rescan`.
  ~EditWatcher();

  // Starts the thread.
  void Start();
  // Hears of changes to the directory, or the file, that is open as `fd`.
  void Watch(int fd);
  // As if something had changed.
  void Poke();
  // Why some changes are not noticed; empty if all are.
  std::string problem() const;

 private:
  void Run();
  // Waits for news, at the longest `timeout`; whether there are any.
  bool WaitForNews(absl::Duration timeout);
  // Reads what inotify has; whether any of it is news.
  bool ReadEvents();
  bool stopping() const;

  const absl::Duration quiet_;
  const std::function<bool()> rescan_;
  FileDescriptor inotify_;
  // Readable after Poke and when stopping.
  FileDescriptor poked_;
  // Of the last rename of one of our temporary files.
  uint32_t own_rename_ = 0;

  mutable Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::string problem_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_EDIT_WATCHER_H_
