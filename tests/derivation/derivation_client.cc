#include "tests/derivation/derivation_client.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "engine/value/value_proto.h"

namespace restate::test {

std::string ToText(const Tree& tree) {
  return tree.has_value() ? tree->DebugString() : "nothing";
}

Reply<v1::DeriveResponse> DerivationClient::Derive(
    const v1::DeriveRequest& request) {
  Reply<v1::DeriveResponse> reply;
  const auto context = NewContext();
  reply.status = stub_->Derive(context.get(), request, &reply.response);
  return reply;
}

Reply<v1::RemoveDerivationResponse> DerivationClient::Remove(const Path& dest) {
  v1::RemoveDerivationRequest request;
  request.mutable_dest()->set_text(dest.ToText());
  Reply<v1::RemoveDerivationResponse> reply;
  const auto context = NewContext();
  reply.status =
      stub_->RemoveDerivation(context.get(), request, &reply.response);
  return reply;
}

Reply<std::map<Path, v1::DerivationInfo>> DerivationClient::List() {
  Reply<std::map<Path, v1::DerivationInfo>> reply;
  v1::ListDerivationsResponse response;
  const auto context = NewContext();
  reply.status = stub_->ListDerivations(
      context.get(), v1::ListDerivationsRequest(), &response);
  for (const v1::DerivationInfo& info : response.derivations()) {
    reply.response[*Path::Parse(info.definition().dest().text())] = info;
  }
  return reply;
}

bool DerivationClient::WaitUntilNoneIsStale() {
  while (true) {
    const auto list = List();
    if (!list.ok()) return false;
    const bool any = std::any_of(
        list.response.begin(), list.response.end(), [](const auto& entry) {
          return entry.second.status() == v1::DERIVATION_STATUS_STALE;
        });
    if (!any) return true;
    std::this_thread::yield();
  }
}

Reply<Snapshot> DerivationClient::Read(const std::vector<Path>& paths,
                                       v1::View view, int64_t min_revision) {
  v1::BatchGetStateRequest request;
  for (const Path& path : paths) {
    request.add_paths()->set_text(path.ToText());
  }
  request.set_view(view);
  request.set_encoding(v1::VALUE_ENCODING_TYPED);
  request.set_min_revision(min_revision);
  const auto read = client_.BatchGetState(request);
  Reply<Snapshot> reply;
  reply.status = read.status;
  reply.response.revision = read.response.revision();
  for (const auto& result : read.response.results()) {
    reply.response.values[*Path::Parse(result.path().text())] =
        result.has_value() ? Tree(*FromProto(result.value())) : std::nullopt;
  }
  return reply;
}

Reply<Snapshot> DerivationClient::Stream(int64_t min_revision) {
  v1::StreamStateRequest request;
  request.mutable_path()->set_text("/");
  request.set_encoding(v1::VALUE_ENCODING_TYPED);
  request.set_min_revision(min_revision);
  const auto read = client_.StreamState(request);
  Reply<Snapshot> reply;
  reply.status = read.status;
  reply.response.revision = read.response.revision();
  for (const auto& entry : read.response.entries()) {
    reply.response.values[*Path::Parse(entry.path().text())] =
        *FromProto(entry.value());
  }
  return reply;
}

}  // namespace restate::test
