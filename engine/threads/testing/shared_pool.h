#ifndef RESTATE_ENGINE_THREADS_TESTING_SHARED_POOL_H_
#define RESTATE_ENGINE_THREADS_TESTING_SHARED_POOL_H_

#include <memory>

#include "engine/threads/job_pool.h"

namespace restate {

// The one pool of a test binary, for what needs a pool and is not about it.
inline JobPool* SharedPool() {
  static const std::unique_ptr<JobPool> pool = *JobPool::Start();
  return pool.get();
}

}  // namespace restate

#endif  // RESTATE_ENGINE_THREADS_TESTING_SHARED_POOL_H_
