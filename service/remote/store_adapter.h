#ifndef RESTATE_SERVICE_REMOTE_STORE_ADAPTER_H_
#define RESTATE_SERVICE_REMOTE_STORE_ADAPTER_H_

#include <string>

#include "absl/status/statusor.h"
#include "engine/backend/remote/remote_store.h"
#include "restate/v1/backend_service.pb.h"

namespace restate {

// Between restate.v1.BackendService and the engine's idea of a store: pure
// functions, for both ends. Encoders fill messages that are empty, but for
// `root`, which they leave alone.
//
// Decoders: INVALID_ARGUMENT / INVALID_PATH, INVALID_VALUE, INVALID_REQUEST for
// what breaks a rule of the message by itself.

void EncodeInfo(const StoreInfo& info, v1::GetInfoResponse* proto);
absl::StatusOr<StoreInfo> DecodeInfo(const v1::GetInfoResponse& proto);

void EncodeScan(const std::string& store_id, const ScanRange& range,
                v1::ScanRequest* proto);
absl::StatusOr<ScanRange> DecodeScan(const v1::ScanRequest& proto);

void EncodePage(const ScanPage& page, v1::ScanResponse* proto);
absl::StatusOr<ScanPage> DecodePage(const v1::ScanResponse& proto);

void EncodeBatch(const std::string& store_id, const StoreBatch& batch,
                 v1::ApplyRequest* proto);
// Values are as they came: not made canonical.
absl::StatusOr<StoreBatch> DecodeBatch(const v1::ApplyRequest& proto);

void EncodeVersion(const StoreVersion& version, v1::StoreVersion* proto);
StoreVersion DecodeVersion(const v1::StoreVersion& proto);

}  // namespace restate

#endif  // RESTATE_SERVICE_REMOTE_STORE_ADAPTER_H_
