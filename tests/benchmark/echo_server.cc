// The echo service that restated is measured against: the same gRPC, the same
// API (callbacks), messages of the same shape, and no work. Given a file, it also
// answers when that has been appended to and fsync'd, by a thread that does so for
// all who wait: as restated must, and nothing else that restated does.

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "engine/sync/mutex.h"
#include "tests/benchmark/echo.grpc.pb.h"

namespace restate::benchmark {
namespace {

// Runs what it is given once a record is on the disk that was appended later. Like
// restate's sequencer it takes all that waits, and gives those who were answered
// last a moment to come again. Thread-safe.
class SharedFsync {
 public:
  // The file is made, or emptied; not durable if it cannot be.
  explicit SharedFsync(const std::string& path)
      : file_(::open(path.c_str(),
                     O_CREAT | O_WRONLY | O_APPEND | O_TRUNC | O_CLOEXEC, 0600)),
        thread_([this] { Run(); }) {}
  ~SharedFsync() {
    {
      MutexLock lock(&mutex_);
      stopped_ = true;
      wake_.NotifyAll();
    }
    thread_.join();
    if (file_ >= 0) ::close(file_);
  }

  void Then(std::function<void()> answer) {
    MutexLock lock(&mutex_);
    waiting_.push_back(std::move(answer));
    if (waiting_.size() >= wanted_) wake_.NotifyOne();
  }

 private:
  void Run() {
    const std::string record(128, 'r');
    while (true) {
      std::vector<std::function<void()>> taken;
      {
        MutexLock lock(&mutex_);
        const size_t expected = std::max<size_t>(wanted_, 1);
        wanted_ = 1;
        while (waiting_.empty() && !stopped_) wake_.Wait(&mutex_);
        wanted_ = expected;
        if (waiting_.size() < wanted_ && !stopped_) {
          wake_.WaitFor(&mutex_, absl::Microseconds(200));
        }
        if (waiting_.empty()) return;
        taken.swap(waiting_);
        wanted_ = taken.size() - taken.size() / 4;
      }
      if (::write(file_, record.data(), record.size()) < 0 ||
          ::fdatasync(file_) != 0) {
        std::cerr << "echo_server: the file cannot be written\n";
        std::abort();
      }
      for (std::function<void()>& answer : taken) answer();
    }
  }

  const int file_;
  Mutex mutex_;
  CondVar wake_;
  std::vector<std::function<void()>> waiting_ ABSL_GUARDED_BY(mutex_);
  // How many are waited for.
  size_t wanted_ ABSL_GUARDED_BY(mutex_) = 1;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

class EchoServiceImpl final : public EchoService::CallbackService {
 public:
  explicit EchoServiceImpl(const std::string& file) {
    if (!file.empty()) fsync_ = std::make_unique<SharedFsync>(file);
  }

  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context,
                                 const EchoRequest* request,
                                 EchoResponse* response) override {
    Answer(*request, response);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  grpc::ServerUnaryReactor* DurableEcho(grpc::CallbackServerContext* context,
                                        const EchoRequest* request,
                                        EchoResponse* response) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    if (fsync_ == nullptr) {
      reactor->Finish({grpc::StatusCode::FAILED_PRECONDITION, "no file"});
      return reactor;
    }
    fsync_->Then([this, reactor, request, response] {
      Answer(*request, response);
      reactor->Finish(grpc::Status::OK);
    });
    return reactor;
  }

 private:
  void Answer(const EchoRequest& request, EchoResponse* response) {
    *response->mutable_value() = request.value();
    response->set_exists(true);
    response->set_revision(++revision_);
    response->set_epoch(epoch_);
  }

  std::unique_ptr<SharedFsync> fsync_;
  std::atomic<int64_t> revision_{0};
  const std::string epoch_ = std::string(32, 'e');
};

int Main(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  EchoServiceImpl service(argc > 1 ? argv[1] : "");
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::cout << "listening grpc=127.0.0.1:" << port << std::endl;

  int signal = 0;
  sigwait(&signals, &signal);
  server->Shutdown();
  return 0;
}

}  // namespace
}  // namespace restate::benchmark

int main(int argc, char** argv) {
  return restate::benchmark::Main(argc, argv);
}
