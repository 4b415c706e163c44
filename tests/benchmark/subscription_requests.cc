#include "tests/benchmark/subscription_requests.h"

#include "tests/benchmark/etcd.pb.h"

namespace restate::benchmark {
namespace {

grpc::ByteBuffer Serialize(const google::protobuf::MessageLite& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

Subscription RestateSubscription(const std::vector<std::string>& patterns,
                                 v1::EventValues values) {
  v1::SubscribeRequest request;
  for (const std::string& pattern : patterns) {
    request.add_patterns()->set_text(pattern);
  }
  request.mutable_now();
  request.set_values(values);
  request.set_encoding(v1::VALUE_ENCODING_TYPED);
  return {&RestateLayout(), Serialize(request)};
}

Subscription EtcdSubscription(bool prev_kv) {
  etcdserverpb::WatchRequest request;
  etcdserverpb::WatchCreateRequest* create = request.mutable_create_request();
  create->set_key("/benchmark/");
  // The byte after '/': the end of everything below.
  create->set_range_end("/benchmark0");
  create->set_prev_kv(prev_kv);
  return {&EtcdLayout(), Serialize(request)};
}

}  // namespace restate::benchmark
