#ifndef RESTATE_TESTS_WATCH_COMMITTED_LOG_H_
#define RESTATE_TESTS_WATCH_COMMITTED_LOG_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/commit/commit_request.h"
#include "engine/sync/mutex.h"
#include "tests/property/model.h"
#include "tests/watch/recording.h"

namespace restate::test {

// An interceptor said that operation `index` of `revision` goes no further up
// than `place`.
struct ToldStop {
  int64_t revision = 0;
  int32_t index = 0;
  Path place;
};

// What was written, and what became of it: the truth that recordings are held
// to.
//
// A writer notes each commit before it sends it and when it is answered. What is
// not answered, because the server was killed, may have been committed or not:
// Resolve looks at what the server tells of it afterwards.
//
// Note*, Answered and Refused are thread-safe; the rest is for when the writers
// rest.
class CommittedLog {
 public:
  // A commit is about to be sent. Gives its name, the payload of its operations.
  std::string NoteAttempt(int writer, std::vector<Operation> operations);
  // It was committed.
  void Answered(const std::string& name, int64_t revision);
  // It has changed nothing.
  void WithoutEffect(const std::string& name);
  // An interceptor's stop was taken.
  void NoteStop(ToldStop stop);

  // Decides what was open, by what a stream of all events told: the payload of
  // each with its revision.
  void Resolve(const std::map<std::string, int64_t>& revision_by_name);
  // Decides which of the stops took effect: all, but of those that were asked
  // for in the `uncertain` spans of revisions, the first excluded, in which the
  // server was killed, only those above which `told`, which heard of all places,
  // heard of nothing.
  void ResolveStops(const std::vector<ModelEvent>& told,
                    const std::vector<std::pair<int64_t, int64_t>>& uncertain);

  // How many were committed.
  size_t size() const;
  // Of the commits between the revisions, `after` excluded, has any something
  // that nobody is told of?
  bool IsSilent(int64_t after, int64_t through) const;

  // Plays all commits through the model, and then knows what follows. Gives what
  // the model did not accept.
  std::vector<std::string> Play(const std::vector<PathPattern>& patterns,
                                const std::map<int64_t, std::vector<Wish>>&
                                    snapshots);
  // Every event that somebody with this wish is told, in order.
  std::vector<ModelEvent> EventsFor(const Wish& wish) const;
  // The snapshot at a revision, for wish `number` of those asked for there.
  const std::vector<ModelEvent>& SnapshotAt(int64_t revision,
                                            size_t number) const;

 private:
  bool IsStopped(const ModelEvent& event) const;

  mutable Mutex mutex_;
  std::map<std::string, std::vector<Operation>> open_ ABSL_GUARDED_BY(mutex_);
  std::map<int, int> attempts_ ABSL_GUARDED_BY(mutex_);
  std::vector<ToldStop> open_stops_ ABSL_GUARDED_BY(mutex_);
  std::map<int64_t, std::vector<Operation>> commits_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<int64_t, int32_t>, std::vector<Path>> stops_
      ABSL_GUARDED_BY(mutex_);

  std::vector<ModelEvent> events_;
  std::map<int64_t, std::vector<std::vector<ModelEvent>>> snapshots_;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_WATCH_COMMITTED_LOG_H_
