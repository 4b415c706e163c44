#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_EDIT_WATCHER_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_EDIT_WATCHER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "engine/backend/filesystem/file_descriptor.h"
#include "engine/sync/mutex.h"
#include "engine/threads/job_pool.h"

namespace restate {

// Has a directory looked through after it has changed: a job that is woken by
// inotify and waits until nothing has happened for a while, or something has
// happened for ten times as long.
//
// Files of the server's own names, and files that are renamed from them, are no
// news. Thread-safe.
class EditWatcher {
 public:
  // `rescan` is called by the job, at its start too. It returns false if it is
  // to be called again later, whether or not anything happens. `jobs` outlives
  // the watcher.
  EditWatcher(JobPool* jobs, absl::Duration quiet,
              std::function<bool()> rescan);
  // No call is under way any more. Not to be called from `rescan`.
  ~EditWatcher();

  // Has the first call made.
  void Start();
  // Hears of changes to the directory, or the file, that is open as `fd`.
  void Watch(int fd);
  // As if something had changed.
  void Poke();
  // Why some changes are not noticed; empty if all are.
  std::string problem() const;

 private:
  // The job: gives how long it is until there is something to do that inotify
  // does not tell of.
  absl::Duration Step();
  // Whether it is time, or how long it is until then.
  absl::Duration UntilRescan(absl::Duration now) const;
  // Reads what inotify has; whether any of it is news.
  bool ReadEvents();
  void SetProblem(const std::string& what, int error,
                  const std::string& setting);

  const absl::Duration quiet_;
  const std::function<bool()> rescan_;
  FileDescriptor inotify_;

  // The job's. When to look whether or not there is news; infinite: never.
  absl::Duration look_at_;
  // Since when there has been news, and when the last came; infinite if there
  // is none.
  absl::Duration first_news_ = absl::InfiniteDuration();
  absl::Duration last_news_ = absl::InfiniteDuration();
  // Of the last rename of one of our temporary files.
  uint32_t own_rename_ = 0;

  mutable Mutex mutex_;
  bool poked_ ABSL_GUARDED_BY(mutex_) = false;
  std::string problem_ ABSL_GUARDED_BY(mutex_);

  // Last, so that it ends first.
  const std::shared_ptr<Job> job_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_EDIT_WATCHER_H_
