#include "engine/request/answer_codec.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "answer_record.pb.h"
#include "engine/error/error.h"
#include "engine/value/value_proto.h"

namespace restate {

std::string EncodeAnswer(const CommitResult& result) {
  storage::v1::AnswerRecord record;
  record.set_revision(result.revision);
  record.set_changed(result.changed);
  record.set_fingerprint(storage::v1::RECORDED_FINGERPRINT_MEANING);
  record.mutable_results()->Reserve(static_cast<int>(result.results.size()));
  for (const OperationResult& one : result.results) {
    storage::v1::RecordedResult* const recorded = record.add_results();
    recorded->set_changed(one.changed);
    if (one.value.has_value()) ToProto(*one.value, recorded->mutable_value());
  }
  return record.SerializeAsString();
}

bool HasFingerprintOfMeaning(std::string_view bytes) {
  storage::v1::AnswerRecord record;
  return record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
         record.fingerprint() == storage::v1::RECORDED_FINGERPRINT_MEANING;
}

absl::StatusOr<CommitResult> DecodeAnswer(std::string_view bytes) {
  storage::v1::AnswerRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return MakeError(Reason::kCorrupt,
                     "the record of an answer does not parse");
  }
  CommitResult result;
  result.revision = record.revision();
  result.changed = record.changed();
  result.results.reserve(record.results_size());
  for (const storage::v1::RecordedResult& recorded : record.results()) {
    OperationResult one;
    one.changed = recorded.changed();
    if (recorded.has_value()) {
      absl::StatusOr<Value> value = FromProto(recorded.value());
      if (!value.ok()) {
        return MakeError(Reason::kCorrupt,
                         absl::StrCat("the record of an answer has an invalid "
                                      "value: ",
                                      value.status().message()));
      }
      one.value = *std::move(value);
    }
    result.results.push_back(std::move(one));
  }
  return result;
}

}  // namespace restate
