#include "tests/benchmark/runaway_load.h"

#include <functional>
#include <random>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "restate/v1/derivation_service.grpc.pb.h"
#include "tests/benchmark/load.h"

namespace restate::benchmark {
namespace {

using Clock = std::chrono::steady_clock;

// Leaves that the getters read.
constexpr uint64_t kRead = 1'000;

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
}

double Microseconds(Clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

int64_t Nanoseconds(Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             time.time_since_epoch())
      .count();
}

std::shared_ptr<grpc::Channel> ConnectOnce(const std::string& address) {
  return Connect(address, 1).front();
}

grpc::Status SetInt(v1::StateService::Stub& stub, const std::string& path,
                    int64_t value) {
  v1::SetStateRequest request;
  request.mutable_path()->set_text(path);
  request.mutable_value()->set_int_value(value);
  grpc::ClientContext context;
  v1::SetStateResponse response;
  return stub.SetState(&context, request, &response);
}

std::string ReadPath(uint64_t number) {
  return absl::StrCat("/others/read/", number);
}

// Clients of one kind, each calling again and again until `end`.
class Callers {
 public:
  Callers(Clock::time_point end, size_t count,
          const std::function<grpc::Status(size_t caller)>& call)
      : times_(count), errors_(count) {
    for (size_t i = 0; i < count; ++i) {
      threads_.emplace_back([this, i, end, call] {
        for (auto begin = Clock::now(); begin < end; begin = Clock::now()) {
          if (grpc::Status status = call(i); !status.ok()) {
            errors_[i] = FromGrpc(status);
            return;
          }
          times_[i].push_back(Microseconds(Clock::now() - begin));
        }
      });
    }
  }

  // Waits for all of them.
  absl::StatusOr<CallTimes> Finish() {
    for (std::thread& thread : threads_) thread.join();
    std::vector<double> all;
    for (size_t i = 0; i < times_.size(); ++i) {
      if (!errors_[i].ok()) return errors_[i];
      all.insert(all.end(), times_[i].begin(), times_[i].end());
    }
    return Summarize(std::move(all));
  }

 private:
  std::vector<std::vector<double>> times_;
  std::vector<absl::Status> errors_;
  std::vector<std::thread> threads_;
};

}  // namespace

absl::Status DeriveLua(const std::string& address, const std::string& dest,
                       const std::string& source,
                       const std::string& function) {
  const auto stub = v1::DerivationService::NewStub(ConnectOnce(address));
  v1::DeriveRequest request;
  request.mutable_dest()->set_text(dest);
  request.add_sources()->set_text(source);
  request.mutable_lua()->add_parameters(std::string(1, 'x'));
  request.mutable_lua()->set_source(function);
  grpc::ClientContext context;
  v1::DeriveResponse response;
  return FromGrpc(stub->Derive(&context, request, &response));
}

RunawayLoad::RunawayLoad(const std::string& address, size_t getters,
                         size_t setters, size_t writers)
    : events_stub_(v1::EventService::NewStub(ConnectOnce(address))) {
  for (auto [stubs, count] : {std::pair(&getters_, getters),
                              std::pair(&setters_, setters),
                              std::pair(&writers_, writers)}) {
    while (stubs->size() < count) {
      stubs->push_back(v1::StateService::NewStub(ConnectOnce(address)));
    }
  }
  events_thread_ = std::thread([this] { ReadEvents(); });
}

RunawayLoad::~RunawayLoad() {
  events_context_.TryCancel();
  events_thread_.join();
}

absl::StatusOr<std::unique_ptr<RunawayLoad>> RunawayLoad::Start(
    const std::string& address, size_t getters, size_t setters,
    size_t writers) {
  auto load =
      absl::WrapUnique(new RunawayLoad(address, getters, setters, writers));
  absl::Status status = load->Fill();
  if (status.ok()) status = load->WaitForSynced();
  if (!status.ok()) return status;
  return load;
}

absl::Status RunawayLoad::Fill() {
  v1::CommitRequest request;
  for (uint64_t i = 0; i < kRead; ++i) {
    v1::SetOperation* set = request.add_operations()->mutable_set();
    set->mutable_path()->set_text(ReadPath(i));
    set->mutable_value()->set_string_value(std::string(kValueBytes, 'v'));
  }
  grpc::ClientContext context;
  v1::CommitResponse response;
  return FromGrpc(getters_.front()->Commit(&context, request, &response));
}

absl::Status RunawayLoad::WaitForSynced() {
  MutexLock lock(&mutex_);
  while (!synced_ && !ended_) changed_.Wait(&mutex_);
  return ended_ ? absl::UnavailableError("the subscription ended")
                : absl::OkStatus();
}

void RunawayLoad::ReadEvents() {
  v1::SubscribeRequest request;
  request.add_patterns()->set_text("/others/set/*");
  request.mutable_now();
  request.set_values(v1::EVENT_VALUES_NEW);
  request.set_encoding(v1::VALUE_ENCODING_TYPED);
  const auto stream = events_stub_->Subscribe(&events_context_, request);
  v1::SubscribeResponse response;
  while (stream->Read(&response)) {
    const int64_t now = Nanoseconds(Clock::now());
    MutexLock lock(&mutex_);
    synced_ |= response.batch().synced();
    for (const v1::Event& event : response.batch().events()) {
      // A set's value is when it was sent.
      event_times_.push_back(
          static_cast<double>(now - event.new_value().int_value()) / 1e3);
    }
    changed_.NotifyAll();
  }
  stream->Finish();
  MutexLock lock(&mutex_);
  ended_ = true;
  changed_.NotifyAll();
}

absl::StatusOr<std::vector<double>> RunawayLoad::TakeEvents(size_t count) {
  MutexLock lock(&mutex_);
  while (event_times_.size() < count && !ended_) changed_.Wait(&mutex_);
  if (event_times_.size() != count) {
    return absl::InternalError(absl::StrCat(event_times_.size(),
                                            " events of ", count, " sets"));
  }
  return std::exchange(event_times_, {});
}

absl::StatusOr<RunawayLoad::Figures> RunawayLoad::Run(const Window& window) {
  const Clock::time_point end =
      Clock::now() +
      std::chrono::duration_cast<Clock::duration>(window.duration);
  Callers getters(end, getters_.size(), [this](size_t i) {
    thread_local std::mt19937_64 random(std::random_device{}());
    v1::GetStateRequest request;
    request.mutable_path()->set_text(ReadPath(random() % kRead));
    request.set_encoding(v1::VALUE_ENCODING_TYPED);
    grpc::ClientContext context;
    v1::GetStateResponse response;
    return getters_[i]->GetState(&context, request, &response);
  });
  Callers setters(end, setters_.size(), [this](size_t i) {
    return SetInt(*setters_[i], absl::StrCat("/others/set/", i),
                  Nanoseconds(Clock::now()));
  });
  Callers writers(end, window.writers, [&](size_t i) {
    return SetInt(*writers_[i], window.written, ++written_);
  });
  absl::StatusOr<CallTimes> gets = getters.Finish();
  absl::StatusOr<CallTimes> sets = setters.Finish();
  absl::StatusOr<CallTimes> writes = writers.Finish();
  for (const auto* times : {&gets, &sets, &writes}) {
    if (!times->ok()) return times->status();
  }
  absl::StatusOr<std::vector<double>> events = TakeEvents(sets->calls);
  if (!events.ok()) return events.status();
  return Figures{*gets, *sets, Summarize(*std::move(events)), *writes};
}

}  // namespace restate::benchmark
