#include "tests/support/json.h"

#include <cstdlib>
#include <iostream>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/type_resolver.h"
#include "google/protobuf/util/type_resolver_util.h"

namespace restate::test {

namespace {

constexpr char kTypeUrlPrefix[] = "type.googleapis.com";

// With the keys of maps in order, which ordinary serialization leaves open.
std::string SerializeInOrder(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&out);
  out.Trim();
  return bytes;
}

google::protobuf::util::TypeResolver* Types() {
  static auto* types = google::protobuf::util::NewTypeResolverForDescriptorPool(
      kTypeUrlPrefix, google::protobuf::DescriptorPool::generated_pool());
  return types;
}

}  // namespace

std::string ToJson(const google::protobuf::Message& message) {
  std::string json;
  const auto status = google::protobuf::util::BinaryToJsonString(
      Types(), std::string(kTypeUrlPrefix) + "/" + message.GetTypeName(),
      SerializeInOrder(message), &json);
  return status.ok() ? json : "cannot be printed: " + status.ToString();
}

void ParseJsonInto(const std::string& json,
                   google::protobuf::Message* message) {
  const auto status =
      google::protobuf::util::JsonStringToMessage(json, message);
  if (status.ok()) return;
  std::cerr << "not a " << message->GetTypeName() << ": " << status.ToString()
            << "\n"
            << json << std::endl;
  std::abort();
}

}  // namespace restate::test
