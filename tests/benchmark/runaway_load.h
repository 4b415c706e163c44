#ifndef RESTATE_TESTS_BENCHMARK_RUNAWAY_LOAD_H_
#define RESTATE_TESTS_BENCHMARK_RUNAWAY_LOAD_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/sync/mutex.h"
#include "restate/v1/event_service.grpc.pb.h"
#include "restate/v1/state_service.grpc.pb.h"
#include "tests/benchmark/call_times.h"

namespace restate::benchmark {

// Defines `dest` as a Lua function of `x`, what is at `source`.
absl::Status DeriveLua(const std::string& address, const std::string& dest,
                       const std::string& source, const std::string& function);

// Clients who have nothing to do with any derivation, beside writers of a path
// from which something is derived. Each is a thread with a connection of its
// own and one call in flight, and the connections stay from window to window.
class RunawayLoad {
 public:
  struct Window {
    std::chrono::duration<double> duration{2};
    // What the writers set; nothing is written if there are none.
    std::string written;
    size_t writers = 0;
  };
  // What a window came to.
  struct Figures {
    // The others' reads; their durable sets of paths of their own; and the time
    // from just before such a set to its event, of which there was one for each.
    CallTimes gets;
    CallTimes sets;
    CallTimes events;
    // The writers' sets, durable too.
    CallTimes writes;
  };

  // Fills what is read, and subscribes. At most so many writers in a window.
  static absl::StatusOr<std::unique_ptr<RunawayLoad>> Start(
      const std::string& address, size_t getters, size_t setters,
      size_t writers);
  ~RunawayLoad();
  RunawayLoad(const RunawayLoad&) = delete;
  RunawayLoad& operator=(const RunawayLoad&) = delete;

  // An error is that of the first failed call, a refused write included.
  absl::StatusOr<Figures> Run(const Window& window);

 private:
  using Clock = std::chrono::steady_clock;
  using Stub = v1::StateService::Stub;

  RunawayLoad(const std::string& address, size_t getters, size_t setters,
              size_t writers);

  absl::Status Fill();
  absl::Status WaitForSynced();
  // Waits for one event for each of so many sets, and gives how long each took.
  absl::StatusOr<std::vector<double>> TakeEvents(size_t count);
  void ReadEvents();

  std::vector<std::unique_ptr<Stub>> getters_;
  std::vector<std::unique_ptr<Stub>> setters_;
  std::vector<std::unique_ptr<Stub>> writers_;
  // So that each write changes something.
  std::atomic<int64_t> written_ = 0;

  const std::unique_ptr<v1::EventService::Stub> events_stub_;
  grpc::ClientContext events_context_;
  Mutex mutex_;
  CondVar changed_;
  bool synced_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  // Of events since TakeEvents, in microseconds.
  std::vector<double> event_times_ ABSL_GUARDED_BY(mutex_);

  // Last, so that everything it uses is there.
  std::thread events_thread_;
};

}  // namespace restate::benchmark

#endif  // RESTATE_TESTS_BENCHMARK_RUNAWAY_LOAD_H_
