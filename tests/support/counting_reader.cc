// A subscriber as a process of its own, so that a test can freeze it:
//
//   counting_reader ADDRESS OVERFLOW PATTERN
//
// OVERFLOW is a SubscribeOverflow's number. The values it hears of are texts that
// begin with a number of 8 digits, another for each write; the text "end" is the
// last. Prints "synced" when it is live, and at the end one line:
//
//   events=N coalesced=N gaps=N gap_events=N numbers=N streams=N end=CODE
//
// `numbers` counts those that it was told, each once. A stream that is cut is taken up from its last token. `end` is "end" or the
// error that ended the stream.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <set>
#include <string>

#include "restate/v1/event_service.grpc.pb.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"

namespace restate::test {
namespace {

struct Counts {
  int64_t events = 0;
  int64_t coalesced = 0;
  int64_t gaps = 0;
  int64_t gap_events = 0;
  std::set<int64_t> numbers;
  bool at_end = false;
  std::string token;
};

void Count(const v1::EventBatch& batch, Counts* counts) {
  if (batch.has_gap()) {
    ++counts->gaps;
    counts->gap_events += batch.gap().events();
  }
  for (const v1::Event& event : batch.events()) {
    ++counts->events;
    counts->coalesced += event.coalesced();
    const std::string& text = event.new_value().string_value();
    if (text == "end") {
      counts->at_end = true;
      continue;
    }
    counts->numbers.insert(std::atoll(text.substr(0, 8).c_str()));
  }
  if (!batch.resume_token().empty()) counts->token = batch.resume_token();
}

int Main(const std::string& address, int overflow, const std::string& pattern) {
  Counts counts;
  int streams = 0;
  bool announced = false;
  std::string end = "end";
  while (!counts.at_end) {
    v1::SubscribeRequest request;
    request.add_patterns()->set_text(pattern);
    request.set_overflow(static_cast<v1::SubscribeOverflow>(overflow));
    request.set_encoding(v1::VALUE_ENCODING_TYPED);
    if (!counts.token.empty()) request.set_resume_token(counts.token);
    const auto stub = v1::EventService::NewStub(Connect(address));
    const auto context = NewContext();
    const auto stream = stub->Subscribe(context.get(), request);
    ++streams;
    v1::SubscribeResponse response;
    while (!counts.at_end && stream->Read(&response)) {
      Count(response.batch(), &counts);
      if (!announced && response.batch().synced()) {
        announced = true;
        std::cout << "synced" << std::endl;
      }
    }
    if (counts.at_end) context->TryCancel();
    while (stream->Read(&response)) {
    }
    const grpc::Status status = stream->Finish();
    if (!counts.at_end &&
        status.error_code() != grpc::StatusCode::UNAVAILABLE) {
      end = CodeAndReason(status);
      break;
    }
  }
  std::cout << "events=" << counts.events << " coalesced=" << counts.coalesced
            << " gaps=" << counts.gaps << " gap_events=" << counts.gap_events
            << " numbers=" << counts.numbers.size()
            << " streams=" << streams << " end=" << end << std::endl;
  return 0;
}

}  // namespace
}  // namespace restate::test

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  return restate::test::Main(argv[1], std::atoi(argv[2]), argv[3]);
}
