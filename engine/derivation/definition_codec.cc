#include "engine/derivation/definition_codec.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "derivation_record.pb.h"
#include "engine/error/error.h"
#include "engine/value/value_proto.h"

namespace restate {
namespace {

using storage::v1::DerivationRecord;

absl::Status Damaged(std::string_view detail) {
  return MakeError(Reason::kCorrupt,
                   absl::StrCat("the record of a derivation is damaged: ",
                                std::string(detail)));
}

storage::v1::RecordedCombine CombineToProto(Combine combine) {
  switch (combine) {
    case Combine::kCount:
      return storage::v1::RECORDED_COMBINE_COUNT;
    case Combine::kSum:
      return storage::v1::RECORDED_COMBINE_SUM;
    case Combine::kMin:
      return storage::v1::RECORDED_COMBINE_MIN;
    case Combine::kMax:
      return storage::v1::RECORDED_COMBINE_MAX;
    case Combine::kMean:
      return storage::v1::RECORDED_COMBINE_MEAN;
    case Combine::kCollect:
      return storage::v1::RECORDED_COMBINE_COLLECT;
  }
  return storage::v1::RECORDED_COMBINE_UNSPECIFIED;
}

std::optional<Combine> CombineFromProto(storage::v1::RecordedCombine combine) {
  switch (combine) {
    case storage::v1::RECORDED_COMBINE_COUNT:
      return Combine::kCount;
    case storage::v1::RECORDED_COMBINE_SUM:
      return Combine::kSum;
    case storage::v1::RECORDED_COMBINE_MIN:
      return Combine::kMin;
    case storage::v1::RECORDED_COMBINE_MAX:
      return Combine::kMax;
    case storage::v1::RECORDED_COMBINE_MEAN:
      return Combine::kMean;
    case storage::v1::RECORDED_COMBINE_COLLECT:
      return Combine::kCollect;
    default:
      return std::nullopt;
  }
}

storage::v1::RecordedOnError OnErrorToProto(OnError on_error) {
  switch (on_error) {
    case OnError::kAbsent:
      return storage::v1::RECORDED_ON_ERROR_ABSENT;
    case OnError::kKeepLast:
      return storage::v1::RECORDED_ON_ERROR_KEEP_LAST;
    case OnError::kFailWrite:
      return storage::v1::RECORDED_ON_ERROR_FAIL_WRITE;
  }
  return storage::v1::RECORDED_ON_ERROR_UNSPECIFIED;
}

std::optional<OnError> OnErrorFromProto(storage::v1::RecordedOnError value) {
  switch (value) {
    case storage::v1::RECORDED_ON_ERROR_ABSENT:
      return OnError::kAbsent;
    case storage::v1::RECORDED_ON_ERROR_KEEP_LAST:
      return OnError::kKeepLast;
    case storage::v1::RECORDED_ON_ERROR_FAIL_WRITE:
      return OnError::kFailWrite;
    default:
      return std::nullopt;
  }
}

// What each kind of transform is in a record.
struct TransformEncoder {
  DerivationRecord* record;

  void operator()(const LuaTransform& lua) const {
    storage::v1::RecordedLua* const recorded = record->mutable_lua();
    for (const std::string& name : lua.parameters) {
      recorded->add_parameters(name);
    }
    recorded->set_source(lua.source);
  }
  void operator()(const AggregateTransform& aggregate) const {
    storage::v1::RecordedAggregate* const recorded =
        record->mutable_aggregate();
    recorded->set_each(aggregate.each);
    recorded->set_combine(CombineToProto(aggregate.combine));
    recorded->set_group_by(aggregate.group_by);
  }
  void operator()(const HostedTransform& hosted) const {
    record->mutable_hosted()->set_name(hosted.name);
  }
};

// False if the record has no transform that is known.
bool DecodeTransform(const DerivationRecord& record, Definition* definition) {
  switch (record.transform_case()) {
    case DerivationRecord::kLua:
      definition->transform = LuaTransform{
          {record.lua().parameters().begin(), record.lua().parameters().end()},
          record.lua().source()};
      return true;
    case DerivationRecord::kAggregate: {
      const std::optional<Combine> combine =
          CombineFromProto(record.aggregate().combine());
      if (!combine.has_value()) return false;
      definition->transform =
          AggregateTransform{record.aggregate().each(), *combine,
                             record.aggregate().group_by()};
      return true;
    }
    case DerivationRecord::kHosted:
      definition->transform = HostedTransform{record.hosted().name()};
      return true;
    case DerivationRecord::TRANSFORM_NOT_SET:
      return false;
  }
  return false;
}

// The path that has this key, if there is one.
std::optional<Path> PathOfKey(const std::string& key) {
  if (!key.empty() && key.back() != '\0') return std::nullopt;
  for (std::string_view segment : Segments(key)) {
    if (!ValidateSegment(segment).ok()) return std::nullopt;
  }
  return Path::FromKey(key);
}

}  // namespace

std::string DerivationRecordKey(const Path& dest) {
  return std::string(kDerivationRecordPrefix) + dest.key();
}

std::string EncodeDefinition(const StoredDefinition& stored) {
  const Definition& definition = stored.definition;
  DerivationRecord record;
  record.set_id(stored.id);
  record.set_dest(definition.dest.key());
  for (const Path& source : definition.sources) {
    record.add_sources(source.key());
  }
  std::visit(TransformEncoder{&record}, definition.transform);
  if (definition.payload.has_value()) {
    ToProto(*definition.payload, record.mutable_payload());
  }
  record.set_call_when_absent(definition.call_when_absent);
  record.set_on_error(OnErrorToProto(definition.on_error));
  record.set_definer(definition.definer);
  return record.SerializeAsString();
}

absl::StatusOr<StoredDefinition> DecodeDefinition(std::string_view bytes) {
  DerivationRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Damaged("it does not parse");
  }
  StoredDefinition stored;
  stored.id = record.id();
  Definition& definition = stored.definition;
  std::optional<Path> dest = PathOfKey(record.dest());
  if (!dest.has_value()) return Damaged("its destination is unreadable");
  definition.dest = *std::move(dest);
  for (const std::string& key : record.sources()) {
    std::optional<Path> source = PathOfKey(key);
    if (!source.has_value()) return Damaged("a source is unreadable");
    definition.sources.push_back(*std::move(source));
  }
  if (!DecodeTransform(record, &definition)) {
    return Damaged("its transform is unknown");
  }
  if (record.has_payload()) {
    absl::StatusOr<Value> payload = FromProto(record.payload());
    if (!payload.ok()) return Damaged("its payload is unreadable");
    definition.payload = *std::move(payload);
  }
  definition.call_when_absent = record.call_when_absent();
  const std::optional<OnError> on_error = OnErrorFromProto(record.on_error());
  if (!on_error.has_value()) return Damaged("its on_error is unknown");
  definition.on_error = *on_error;
  definition.definer = record.definer();
  return stored;
}

}  // namespace restate
