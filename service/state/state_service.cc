#include "service/state/state_service.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/lease/lease_table.h"
#include "service/adapters/commit_adapter.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/request_fields.h"
#include "service/adapters/status_adapter.h"
#include "service/adapters/time_adapter.h"
#include "service/adapters/value_adapter.h"
#include "service/state/answer_size.h"
#include "service/state/list_children.h"
#include "service/state/read_path.h"
#include "service/state/state_source.h"
#include "service/state/write_call.h"
#include "service/streams/stream_pump.h"

namespace restate {
namespace {

constexpr size_t kDefaultPageSize = 1'000;
constexpr size_t kMaxPageSize = 10'000;
// A page stays below what gRPC clients accept by default, 4 MiB.
constexpr size_t kMaxPageBytes = size_t{3} << 20;

void EncodeLease(const LeaseStatus& lease, v1::Lease* proto) {
  proto->set_session_id(lease.terms.session_id);
  if (lease.terms.ttl > absl::ZeroDuration()) {
    EncodeDuration(lease.terms.ttl, proto->mutable_ttl());
    EncodeDuration(lease.expires_in, proto->mutable_expires_in());
  }
}

// The options of a read, from the fields that reads have in common.
template <typename Request>
absl::StatusOr<ReadOptions> DecodeReadOptions(const Request& request,
                                              size_t max_bytes) {
  absl::Status status = CheckEncoding(request.encoding());
  if (!status.ok()) return status;
  absl::StatusOr<View> view = DecodeView(request.view());
  if (!view.ok()) return view.status();
  return ReadOptions{.view = *view,
                     .depth = request.depth(),
                     .partial = request.partial(),
                     .max_bytes = max_bytes};
}

}  // namespace

StateService::StateService(StateServiceParts parts)
    : parts_(std::move(parts)),
      write_parts_{.commit =
                       [controller = parts_.controller](CommitRequest request,
                                                        CommitCallback done) {
                         controller->Commit(std::move(request),
                                            std::move(done));
                       },
                   .epoch = parts_.controller->epoch(),
                   .limits = parts_.limits,
                   .open_streams = parts_.open_streams,
                   .calls = parts_.calls,
                   .large = parts_.large},
      pinned_states_(parts_.clock) {}

template <typename PathProtos, typename Response, typename Read>
void StateService::FinishRead(const UnaryCall& call, const PathProtos& paths,
                              Response* response, Read read) {
  const size_t most = parts_.limits.max_read_bytes;
  const bool slow =
      std::any_of(paths.begin(), paths.end(), [this](const v1::Path* proto) {
        const absl::StatusOr<Path> path = DecodePath(*proto);
        return path.ok() && parts_.controller->IsSlow(*path);
      });
  WorkThreads* threads = parts_.patient;
  if (!slow) {
    const size_t enough = std::min(most, kMaxInlineBytes);
    const absl::Status status = read(enough);
    if (enough == most ||
        ErrorReason(status) != ReasonName(Reason::kReadTooLarge)) {
      return call.Finish(status);
    }
    // There is more: again, where nobody waits for it.
    response->Clear();
    threads = parts_.large;
  }
  threads->Next()->Post([call, most, read = std::move(read)]() mutable {
    call.Finish(read(most));
  });
}

template <typename Use>
void StateService::AtRevision(const grpc::CallbackServerContext& context,
                              const std::string& epoch, Revision min_revision,
                              Use use) {
  absl::Status status = parts_.controller->CheckEpoch(epoch);
  if (status.ok()) status = CheckRevision("min_revision", min_revision);
  if (!status.ok()) return use(absl::StatusOr<State>(status));
  State published = parts_.controller->Published();
  if (published->revision() >= min_revision) {
    return use(absl::StatusOr<State>(std::move(published)));
  }
  absl::StatusOr<Hold> hold =
      parts_.controller->Take(parts_.clients->Of(context), Holding::kWaits);
  if (!hold.ok()) return use(absl::StatusOr<State>(hold.status()));
  parts_.controller->WhenPublished(
      min_revision,
      [worker = parts_.worker, hold = *std::move(hold),
       use = std::move(use)](absl::StatusOr<State> state) mutable {
        worker->Post([hold = std::move(hold), use = std::move(use),
                      state = std::move(state)]() mutable {
          use(std::move(state));
        });
      });
}

template <typename Request, typename Response, typename Encode>
grpc::ServerUnaryReactor* StateService::RunCommit(
    Rpc rpc, grpc::CallbackServerContext* context,
    const grpc::ByteBuffer* request, grpc::ByteBuffer* answer, Encode encode) {
  const UnaryCall call(parts_.calls, rpc, context);
  const auto write = std::make_shared<WriteCall<Request, Response>>(
      call, request, answer, parts_.large);
  write->Start(
      parts_.limits,
      [this, write, client = parts_.clients->Of(*context),
       encode = std::move(encode)](CommitRequest commit) mutable {
        // Calls that are under way at once have no order.
        commit.may_be_set_aside = true;
        commit.client = std::move(client);
        parts_.controller->Commit(
            std::move(commit), [write, encode = std::move(encode)](
                                   absl::StatusOr<CommitResult> result) {
              write->Answer(std::move(result), encode);
            });
      });
  return call.reactor();
}

grpc::ServerUnaryReactor* StateService::GetState(
    grpc::CallbackServerContext* context, const v1::GetStateRequest* request,
    v1::GetStateResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kGetState, context);
  AtRevision(*context, request->epoch(), request->min_revision(),
             [this, call, request, response](absl::StatusOr<State> state) {
               if (!state.ok()) return call.Finish(state.status());
               FinishRead(call, std::array{&request->path()}, response,
                          [this, request, response,
                           state = *std::move(state)](size_t max_bytes) {
                            return ReadOne(*state, *request, max_bytes,
                                           response);
                          });
             });
  return call.reactor();
}

absl::Status StateService::ReadOne(const PublishedState& state,
                                   const v1::GetStateRequest& request,
                                   size_t max_bytes,
                                   v1::GetStateResponse* response) const {
  absl::StatusOr<Path> path = DecodePath(request.path());
  if (!path.ok()) return path.status();
  absl::StatusOr<ReadOptions> options = DecodeReadOptions(request, max_bytes);
  if (!options.ok()) return options.status();
  absl::StatusOr<Reading> reading = ReadPath(state, *path, *options);
  if (!reading.ok()) return reading.status();

  const bool exists = reading->tree.has_value();
  if (!exists && request.has_default_value()) {
    absl::StatusOr<Value> value = DecodeValue(request.default_value());
    if (!value.ok()) return Annotate(value.status(), "default_value: ");
    value = tree::Canonicalize(*value, *path, parts_.limits.write);
    if (!value.ok()) return Annotate(value.status(), "default_value: ");
    reading->tree = *std::move(value);
  }
  if (reading->tree.has_value()) {
    EncodeValue(*reading->tree, request.encoding(), response->mutable_value());
  }
  if (std::optional<LeaseStatus> lease = parts_.controller->LeaseOf(*path)) {
    EncodeLease(*lease, response->mutable_lease());
  }
  if (!request.run_id().empty()) {
    absl::Status recorded = parts_.controller->trackers().RecordReads(
        request.run_id(), {*path}, options->view, state.revision());
    if (!recorded.ok()) return recorded;
  }
  response->set_exists(exists);
  response->set_truncated(reading->truncated);
  response->set_revision(state.revision());
  response->set_epoch(parts_.controller->epoch());
  if (response->ByteSizeLong() > parts_.limits.max_message_bytes) {
    return ReadTooLarge(*path, parts_.limits.max_message_bytes);
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* StateService::BatchGetState(
    grpc::CallbackServerContext* context,
    const v1::BatchGetStateRequest* request,
    v1::BatchGetStateResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kBatchGetState, context);
  AtRevision(*context, request->epoch(), request->min_revision(),
             [this, call, request, response](absl::StatusOr<State> state) {
               if (!state.ok()) return call.Finish(state.status());
               std::vector<const v1::Path*> paths;
               for (const v1::Path& path : request->paths()) {
                 paths.push_back(&path);
               }
               FinishRead(call, paths, response,
                          [this, request, response,
                           state = *std::move(state)](size_t max_bytes) {
                            return ReadMany(*state, *request, max_bytes,
                                            response);
                          });
             });
  return call.reactor();
}

absl::Status StateService::ReadMany(const PublishedState& state,
                                    const v1::BatchGetStateRequest& request,
                                    size_t max_bytes,
                                    v1::BatchGetStateResponse* response) const {
  const size_t count = static_cast<size_t>(request.paths_size());
  if (count > parts_.limits.max_batch_paths) {
    return MakeError(
        Reason::kTooManyPaths,
        absl::StrCat("a batch may read ", parts_.limits.max_batch_paths,
                     " paths, not ", count, ": use several"));
  }
  absl::StatusOr<ReadOptions> options = DecodeReadOptions(request, max_bytes);
  if (!options.ok()) return options.status();

  std::vector<Path> read;
  for (size_t i = 0; i < count; ++i) {
    const auto in_error = [i](const absl::Status& status) {
      return Annotate(status, absl::StrCat("path ", i, ": "),
                      {{"path_index", absl::StrCat(i)}});
    };
    absl::StatusOr<Path> path = DecodePath(request.paths(static_cast<int>(i)));
    if (!path.ok()) return in_error(path.status());
    absl::StatusOr<Reading> reading = ReadPath(state, *path, *options);
    if (!reading.ok()) return in_error(reading.status());

    v1::BatchGetStateResponse::Result* const result = response->add_results();
    EncodePath(*path, result->mutable_path());
    read.push_back(*std::move(path));
    result->set_exists(reading->tree.has_value());
    result->set_truncated(reading->truncated);
    if (reading->tree.has_value()) {
      EncodeValue(*reading->tree, request.encoding(), result->mutable_value());
    }
    // The paths share the bytes of one message.
    const size_t bytes = result->ByteSizeLong();
    if (bytes > options->max_bytes) {
      return MakeError(
          Reason::kReadTooLarge,
          absl::StrCat("what the first ", i + 1, " of ", count,
                       " paths read as is over ", parts_.limits.max_read_bytes,
                       " bytes: ask for fewer, read with `depth`, or use "
                       "StreamState"));
    }
    options->max_bytes -= bytes;
  }
  if (!request.run_id().empty()) {
    absl::Status recorded = parts_.controller->trackers().RecordReads(
        request.run_id(), read, options->view, state.revision());
    if (!recorded.ok()) return recorded;
  }
  response->set_revision(state.revision());
  response->set_epoch(parts_.controller->epoch());
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* StateService::SetState(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return RunCommit<v1::SetStateRequest, v1::SetStateResponse>(
      Rpc::kSetState, context, request, response,
      [this](const CommitResult& result, const AnswerForm& form,
             v1::SetStateResponse* response) {
        EncodeResult(result, parts_.controller->epoch(), form.encoding,
                     response);
        return CheckAnswerSize(*response, result.revision, parts_.limits);
      });
}

grpc::ServerUnaryReactor* StateService::DeleteState(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return RunCommit<v1::DeleteStateRequest, v1::DeleteStateResponse>(
      Rpc::kDeleteState, context, request, response,
      [this](const CommitResult& result, const AnswerForm& form,
             v1::DeleteStateResponse* response) {
        EncodeResult(result, parts_.controller->epoch(), response);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* StateService::Ping(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return RunCommit<v1::PingRequest, v1::PingResponse>(
      Rpc::kPing, context, request, response,
      [this](const CommitResult& result, const AnswerForm& form,
             v1::PingResponse* response) {
        EncodeResult(result, parts_.controller->epoch(), response);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* StateService::Commit(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return RunCommit<v1::CommitRequest, v1::CommitResponse>(
      Rpc::kCommit, context, request, response,
      [this](const CommitResult& result, const AnswerForm& form,
             v1::CommitResponse* response) {
        EncodeResult(result, form.kinds, parts_.controller->epoch(),
                     form.encoding, response);
        return CheckAnswerSize(*response, result.revision, parts_.limits);
      });
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
StateService::Write(grpc::CallbackServerContext* context) {
  return WriteStream::Open(&write_parts_, parts_.clients->Of(*context));
}

grpc::ServerUnaryReactor* StateService::ListChildren(
    grpc::CallbackServerContext* context,
    const v1::ListChildrenRequest* request,
    v1::ListChildrenResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kListChildren, context);
  const ClientId client = parts_.clients->Of(*context);
  absl::StatusOr<Path> path = DecodePath(request->path());
  if (!path.ok()) {
    call.Finish(path.status());
  } else if (request->page_size() < 0) {
    call.Finish(
        MakeError(Reason::kInvalidRequest, "page_size must not be negative"));
  } else if (request->page_token().empty()) {
    AtRevision(*context, request->epoch(), request->min_revision(),
               [this, call, client, request, response,
                path = *std::move(path)](absl::StatusOr<State> state) {
                 if (!state.ok()) return call.Finish(state.status());
                 FinishRead(call, std::array{&request->path()}, response,
                            [this, client, path, request, response,
                             state = *std::move(state)](size_t) {
                              return ListPage(client, path, state, *request,
                                              response);
                            });
               });
  } else {
    absl::Status status = parts_.controller->CheckEpoch(request->epoch());
    if (status.ok() && request->min_revision() != 0) {
      status = MakeError(Reason::kInvalidRequest,
                         "min_revision does not go with page_token, which "
                         "names the state to read");
    }
    if (!status.ok()) {
      call.Finish(status);
      return call.reactor();
    }
    FinishRead(call, std::array{&request->path()}, response,
               [this, client, path = *std::move(path), request,
                response](size_t) {
                 return ListPage(client, path, nullptr, *request, response);
               });
  }
  return call.reactor();
}

absl::Status StateService::ListPage(const ClientId& client, const Path& path,
                                    State state,
                                    const v1::ListChildrenRequest& request,
                                    v1::ListChildrenResponse* response) {
  PageToken token;
  if (!request.page_token().empty()) {
    absl::StatusOr<PageToken> given = DecodePageToken(request.page_token());
    if (!given.ok()) return given.status();
    token = *std::move(given);
    absl::StatusOr<State> pinned = pinned_states_.Find(token.id, path);
    if (!pinned.ok()) return pinned.status();
    state = *std::move(pinned);
  }
  const size_t page_size =
      request.page_size() == 0
          ? kDefaultPageSize
          : std::min(static_cast<size_t>(request.page_size()), kMaxPageSize);
  absl::StatusOr<std::string> last = ListChildrenPage(
      state->tree(), path, token.last_name, page_size,
      std::min(kMaxPageBytes, parts_.limits.max_message_bytes / 2), response);
  if (!last.ok()) return last.status();
  if (!request.run_id().empty()) {
    absl::Status recorded = parts_.controller->trackers().RecordListing(
        request.run_id(), path, state->revision());
    if (!recorded.ok()) return recorded;
  }
  response->set_revision(state->revision());
  response->set_epoch(parts_.controller->epoch());
  if (!last->empty()) {
    if (token.id.empty()) {
      token.id = pinned_states_.Pin(client, path, std::move(state));
    }
    response->set_next_page_token(EncodePageToken(token.id, *last));
  }
  return absl::OkStatus();
}

grpc::ServerWriteReactor<v1::StreamStateResponse>* StateService::StreamState(
    grpc::CallbackServerContext* context,
    const v1::StreamStateRequest* request) {
  using Pump = StreamPump<v1::StreamStateResponse>;
  absl::StatusOr<Hold> hold = parts_.controller->Take(
      parts_.clients->Of(*context), Holding::kSnapshots);
  const absl::Status has_room = hold.status();
  const std::shared_ptr<Pump> pump = Pump::Open(
      {.open_streams = parts_.open_streams,
       .worker = parts_.worker,
       .patient = parts_.patient,
       .counted = CountedCall(parts_.calls, Rpc::kStreamState),
       .write_deadline = kPinTime,
       .overdue = MakeError(Reason::kSnapshotExpired,
                            "reading one message took longer than 60 s, and "
                            "what it showed is gone: read again from the "
                            "start"),
       .clock = parts_.clock,
       .hold = has_room.ok() ? *std::move(hold) : Hold()});
  absl::StatusOr<Path> path = DecodePath(request->path());
  absl::Status status = has_room;
  if (status.ok()) status = path.status();
  if (status.ok()) status = CheckEncoding(request->encoding());
  absl::StatusOr<View> view = DecodeView(request->view());
  if (status.ok()) status = view.status();
  if (!status.ok()) {
    pump->Begin(status);
    return pump.get();
  }
  // Not `request`: it is gone when the call has ended, by its client say, while
  // this waits for the revision.
  AtRevision(
      *context, request->epoch(), request->min_revision(),
      [this, pump, path = *std::move(path), view = *view,
       run_id = request->run_id(),
       encoding = request->encoding()](absl::StatusOr<State> state) {
        if (state.ok() && !run_id.empty()) {
          absl::Status recorded = parts_.controller->trackers().RecordReads(
              run_id, {path}, view, (*state)->revision());
          if (!recorded.ok()) state = recorded;
        }
        if (!state.ok()) return pump->Begin(state.status());
        pump->Begin(std::make_unique<StateSource>(
            *std::move(state), parts_.controller->epoch(), path, view,
            parts_.controller->IsSlow(path), encoding,
            std::min(kStreamStateChunkBytes,
                     parts_.limits.max_message_bytes / 4),
            parts_.open_streams));
      });
  return pump.get();
}

}  // namespace restate
