#ifndef RESTATE_TESTS_BENCHMARK_EVENT_LAYOUT_H_
#define RESTATE_TESTS_BENCHMARK_EVENT_LAYOUT_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <vector>

namespace restate::benchmark {

// Where a stream's messages say what a count of events needs to know. Numbers
// are protobuf field numbers.
struct EventLayout {
  // The full name of the method, "/package.Service/Method".
  const char* method;
  // Whether the client has nothing to say after its request.
  bool half_close;
  // The field that holds all the others; 0 if they are in the message itself.
  int envelope;
  // The repeated field, one for each event.
  int events;
  // Set once the subscription is live.
  int live;
  // Any of these set: events were left out, or no more will come.
  std::vector<int> lost;
};

// EventService.Subscribe of restate.
const EventLayout& RestateLayout();
// Watch.Watch of etcd.
const EventLayout& EtcdLayout();

// What one message says.
struct MessageCounts {
  uint64_t events = 0;
  bool live = false;
  bool lost = false;
};

// Reads only the tags of the top levels and skips what is in the events, so
// that receiving costs little beside sending. False if `message` is not
// protobuf. Consumes `message`.
bool CountEvents(const EventLayout& layout, grpc::ByteBuffer* message,
                 MessageCounts* counts);

}  // namespace restate::benchmark

#endif  // RESTATE_TESTS_BENCHMARK_EVENT_LAYOUT_H_
