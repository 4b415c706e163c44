#include "tests/benchmark/storage_load.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "restate/v1/state_service.grpc.pb.h"

namespace restate::benchmark {
namespace {

using Clock = std::chrono::steady_clock;

// A leaf's parent has this many, and a parent of parents this many leaves.
constexpr uint64_t kSiblings = 1'000;
constexpr uint64_t kGroupLeaves = 50'000;
// As many operations as a transaction may have.
constexpr uint64_t kCommitOperations = 10'000;
// Unanswered commits of the stream that writes a tree, each a group.
constexpr int kCommitsInFlight = 4;

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
}

std::unique_ptr<v1::StateService::Stub> NewStub(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return v1::StateService::NewStub(grpc::CreateCustomChannel(
      address, grpc::InsecureChannelCredentials(), arguments));
}

// Differs from one number, and one `salt`, to another.
std::string ValueText(uint64_t number, uint64_t salt) {
  std::string text = absl::StrFormat("%020d-%020d-", number, salt);
  text.resize(kLeafValueBytes, 'v');
  return text;
}

// The leaves of one group, from the first to before the second, as a map.
void AddGroup(const std::string& root, uint64_t first, uint64_t end,
              v1::CommitRequest* commit) {
  v1::SetOperation* set = commit->add_operations()->mutable_set();
  set->mutable_path()->set_text(absl::StrCat(root, "/", first / kGroupLeaves));
  auto& parents =
      *set->mutable_value()->mutable_map_value()->mutable_fields();
  for (uint64_t number = first; number < end; ++number) {
    const std::string parent =
        absl::StrCat(number % kGroupLeaves / kSiblings);
    auto& fields = *parents[parent].mutable_map_value()->mutable_fields();
    fields[absl::StrCat(number % kSiblings)].set_string_value(
        ValueText(number, 0));
  }
}

void AddLeaves(const std::string& root, uint64_t first, uint64_t end,
               v1::CommitRequest* commit) {
  for (uint64_t number = first; number < end; ++number) {
    v1::SetOperation* set = commit->add_operations()->mutable_set();
    set->mutable_path()->set_text(LeafPath(root, number));
    set->mutable_value()->set_string_value(ValueText(number, 0));
  }
}

double Microseconds(Clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

// One call for a leaf.
using Call = std::function<grpc::Status(v1::StateService::Stub* stub,
                                        const std::string& path,
                                        uint64_t number, uint64_t salt)>;

absl::StatusOr<CallTimes> Run(const CallLoad& load, const Call& call) {
  std::vector<std::vector<double>> times(load.threads);
  std::vector<absl::Status> errors(load.threads);
  const Clock::time_point end =
      Clock::now() +
      std::chrono::duration_cast<Clock::duration>(load.duration);
  std::vector<std::thread> threads;
  for (int t = 0; t < load.threads; ++t) {
    threads.emplace_back([&, t] {
      const auto stub = NewStub(load.address);
      std::mt19937_64 random(std::random_device{}());
      while (Clock::now() < end) {
        const uint64_t number = random() % load.leaves;
        const std::string path = LeafPath(load.root, number);
        const Clock::time_point begin = Clock::now();
        const grpc::Status status = call(stub.get(), path, number, random());
        if (!status.ok()) {
          errors[t] = FromGrpc(status);
          return;
        }
        times[t].push_back(Microseconds(Clock::now() - begin));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<double> all;
  for (int t = 0; t < load.threads; ++t) {
    if (!errors[t].ok()) return errors[t];
    all.insert(all.end(), times[t].begin(), times[t].end());
  }
  return Summarize(std::move(all));
}

}  // namespace

std::string LeafPath(const std::string& root, uint64_t number) {
  return absl::StrCat(root, "/", number / kGroupLeaves, "/",
                      number % kGroupLeaves / kSiblings, "/",
                      number % kSiblings);
}

absl::Status WriteTree(const std::string& address, const std::string& root,
                       uint64_t leaves, WrittenBy by) {
  const uint64_t together =
      by == WrittenBy::kMaps ? kGroupLeaves : kCommitOperations;
  const auto stub = NewStub(address);
  grpc::ClientContext context;
  const auto stream = stub->Write(&context);
  v1::WriteResponse response;
  absl::Status refused;
  int waiting = 0;
  auto read_one = [&] {
    if (!stream->Read(&response)) return false;
    --waiting;
    if (response.has_status()) {
      refused = absl::Status(
          static_cast<absl::StatusCode>(response.status().code()),
          response.status().message());
    }
    return refused.ok();
  };
  bool going = true;
  for (uint64_t first = 0; going && first < leaves; first += together) {
    v1::WriteRequest request;
    request.set_sequence(static_cast<int64_t>(first));
    const uint64_t end = std::min(first + together, leaves);
    if (by == WrittenBy::kMaps) {
      AddGroup(root, first, end, request.mutable_commit());
    } else {
      AddLeaves(root, first, end, request.mutable_commit());
    }
    going = stream->Write(request);
    ++waiting;
    if (going && waiting == kCommitsInFlight) going = read_one();
  }
  stream->WritesDone();
  while (going && waiting > 0) going = read_one();
  if (!refused.ok()) context.TryCancel();
  const grpc::Status ended = stream->Finish();
  if (!refused.ok()) return refused;
  return FromGrpc(ended);
}

absl::StatusOr<CallTimes> GetLeaves(const CallLoad& load) {
  return Run(load, [](v1::StateService::Stub* stub, const std::string& path,
                      uint64_t number, uint64_t salt) {
    v1::GetStateRequest request;
    request.mutable_path()->set_text(path);
    request.set_encoding(v1::VALUE_ENCODING_TYPED);
    grpc::ClientContext context;
    v1::GetStateResponse response;
    const grpc::Status status = stub->GetState(&context, request, &response);
    if (status.ok() && !response.exists()) {
      return grpc::Status(grpc::StatusCode::NOT_FOUND, path + " is not there");
    }
    return status;
  });
}

absl::StatusOr<CallTimes> SetLeaves(const CallLoad& load) {
  return Run(load, [](v1::StateService::Stub* stub, const std::string& path,
                      uint64_t number, uint64_t salt) {
    v1::SetStateRequest request;
    request.mutable_path()->set_text(path);
    request.mutable_value()->set_string_value(ValueText(number, salt));
    grpc::ClientContext context;
    v1::SetStateResponse response;
    return stub->SetState(&context, request, &response);
  });
}

absl::StatusOr<double> DeleteTree(const std::string& address,
                                  const std::string& root) {
  const auto stub = NewStub(address);
  v1::DeleteStateRequest request;
  request.mutable_path()->set_text(root);
  grpc::ClientContext context;
  v1::DeleteStateResponse response;
  const Clock::time_point begin = Clock::now();
  const grpc::Status status = stub->DeleteState(&context, request, &response);
  if (!status.ok()) return FromGrpc(status);
  return Microseconds(Clock::now() - begin) / 1e6;
}

}  // namespace restate::benchmark
