#include "service/events/session_source.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "restate/v1/event_service.pb.h"
#include "service/adapters/event_view.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/status_adapter.h"
#include "service/adapters/time_adapter.h"
#include "service/adapters/value_adapter.h"
#include "service/adapters/wire_format.h"
#include "service/events/message_bytes.h"

namespace restate {
namespace {

using Response = v1::OpenSessionResponse;

// Tags, lengths, ids and a callback id around a batch.
constexpr size_t kFrameBytes = 512;

// A CallbackEvents but for its batch, whose header it ends with.
std::string RunHead(const SubscriptionRun& run, size_t batch_size) {
  std::string head;
  wire::AppendText(v1::CallbackEvents::kCallbackIdFieldNumber, run.callback_id,
                   &head);
  wire::AppendNumber(v1::CallbackEvents::kSubscriptionIdFieldNumber,
                     run.subscription_id, &head);
  wire::AppendHeader(v1::CallbackEvents::kBatchFieldNumber, batch_size, &head);
  return head;
}

}  // namespace

SessionSource::SessionSource(OpenedSession opened, absl::Duration grace,
                             ParcelSourceOptions options, FillCall fill_call)
    : ParcelSource(std::move(opened.stream), std::move(options)),
      fill_call_(std::move(fill_call)) {
  Response response;
  v1::SessionOpened* const proto = response.mutable_opened();
  proto->set_session_id(opened.session_id);
  proto->set_resumed(opened.resumed);
  EncodeDuration(grace, proto->mutable_grace());
  proto->set_revision(opened.revision);
  proto->set_epoch(origin().epoch);
  Add(BytesOf(response));
}

absl::Status SessionSource::Encode(const Parcel& parcel) {
  EncodeRuns(parcel.runs);
  for (const auto& request : parcel.requests) {
    std::visit([this](const auto& what) { AddRequest(what); },
               request->what());
  }
  for (const SyncPoint& sync : parcel.syncs) {
    Response response;
    response.mutable_sync()->set_revision(sync.revision);
    response.mutable_sync()->set_sync_id(sync.sync_id);
    Add(BytesOf(response));
  }
  for (const EndedSubscription& ended : parcel.ended) {
    Response response;
    v1::SubscriptionEnded* const proto = response.mutable_ended();
    proto->set_callback_id(ended.callback_id);
    proto->set_subscription_id(ended.subscription_id);
    *proto->mutable_status() = ToRpcStatus(ended.status);
    Add(BytesOf(response));
  }
  return absl::OkStatus();
}

void SessionSource::AddRequest(const TrackerRerun& rerun) {
  Response response;
  response.mutable_tracker_run()->set_tracker_id(rerun.tracker_id);
  Add(BytesOf(response));
}

void SessionSource::AddRequest(const TrackerEnded& ended) {
  Response response;
  v1::TrackerEnded* const proto = response.mutable_tracker_ended();
  proto->set_tracker_id(ended.tracker_id);
  *proto->mutable_status() = ToRpcStatus(ended.status);
  Add(BytesOf(response));
}

void SessionSource::AddRequest(const TransformCall& call) {
  const std::optional<FilledCall> filled = fill_call_(call);
  if (!filled.has_value()) return;
  const Definition& definition = *filled->definition;
  Response response;
  v1::TransformCall* const proto = response.mutable_transform_call();
  proto->set_call_id(filled->call_id);
  EncodePath(definition.dest, proto->mutable_dest());
  proto->set_name(std::get<HostedTransform>(definition.transform).name);
  for (size_t i = 0; i < definition.sources.size(); ++i) {
    v1::TransformCall::Source* const source = proto->add_sources();
    EncodePath(definition.sources[i], source->mutable_path());
    if (filled->sources[i].has_value()) {
      EncodeValue(*filled->sources[i], v1::VALUE_ENCODING_TYPED,
                  source->mutable_value());
    }
  }
  proto->set_revision(filled->revision);
  Add(BytesOf(response));
}

void SessionSource::EncodeRuns(absl::Span<const SubscriptionRun> runs) {
  const size_t bound = max_message_bytes() - kFrameBytes;
  std::vector<BatchEncoder> batches(runs.size());
  // Those of runs[begin, i) go into one message.
  size_t begin = 0;
  size_t bytes = 0;
  for (size_t i = 0; i < runs.size(); ++i) {
    batches[i].LayOut(runs[i].batch, origin(), UnpackView(runs[i].view),
                      bound);
    const size_t run_bytes = batches[i].size() + kFrameBytes;
    if (i > begin && bytes + run_bytes > bound) {
      AddRuns(runs.subspan(begin, i - begin),
              absl::MakeSpan(batches).subspan(begin, i - begin));
      begin = i;
      bytes = 0;
    }
    bytes += run_bytes;
  }
  if (begin < runs.size()) {
    AddRuns(runs.subspan(begin), absl::MakeSpan(batches).subspan(begin));
  }
}

void SessionSource::AddRuns(absl::Span<const SubscriptionRun> runs,
                            absl::Span<const BatchEncoder> batches) {
  std::vector<std::string> heads;
  heads.reserve(runs.size());
  size_t events_bytes = 0;
  for (size_t i = 0; i < runs.size(); ++i) {
    heads.push_back(RunHead(runs[i], batches[i].size()));
    events_bytes += wire::FieldSize(heads[i].size() + batches[i].size());
  }
  Add(BytesOfSize(wire::FieldSize(events_bytes), [&](uint8_t* out) {
    out = wire::WriteHeader(Response::kEventsFieldNumber, events_bytes, out);
    for (size_t i = 0; i < runs.size(); ++i) {
      out = wire::WriteHeader(v1::SessionEvents::kRunsFieldNumber,
                              heads[i].size() + batches[i].size(), out);
      out = wire::WriteBytes(heads[i], out);
      out = batches[i].Write(out);
    }
    return out;
  }));
}

}  // namespace restate
