#ifndef RESTATE_TESTS_BENCHMARK_SUBSCRIPTION_REQUESTS_H_
#define RESTATE_TESTS_BENCHMARK_SUBSCRIPTION_REQUESTS_H_

#include <string>
#include <vector>

#include "restate/v1/event_service.pb.h"
#include "tests/benchmark/event_subscriber.h"

namespace restate::benchmark {

// restate: what matches any of `patterns`, from now on, values in the typed
// encoding.
Subscription RestateSubscription(const std::vector<std::string>& patterns,
                                 v1::EventValues values);

// etcd: every key of the load, from now on; events carry the new value and, if
// `prev_kv`, the one before.
Subscription EtcdSubscription(bool prev_kv);

}  // namespace restate::benchmark

#endif  // RESTATE_TESTS_BENCHMARK_SUBSCRIPTION_REQUESTS_H_
